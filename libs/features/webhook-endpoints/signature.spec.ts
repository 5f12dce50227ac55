import { createHmac } from 'node:crypto';
import { newSigningSecret, signatureHeaders } from './signature.js';

/** The example of the specification's own libraries. */
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const ID = 'msg_p5jXN8AQM9LWM0D4loKWxJek';
const BODY = '{"test": 2432232314}';

it('is what Standard Webhooks says', () => {
  const headers = signatureHeaders(ID, 1614265330, BODY, [SECRET]);
  expect(headers).toMatchObject({
    'webhook-id': ID,
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

it('signs timestamp and body with the secret as it is written, too', () => {
  const mac = createHmac('sha256', SECRET).update(`1614265330.${BODY}`).digest('hex');
  expect(signatureHeaders(ID, 1614265330, BODY, [SECRET])['x-containr-signature-256']).toBe(`sha256=${mac}`);
});

it('signs with both secrets while one is being rotated', () => {
  const [one, two] = [newSigningSecret(), newSigningSecret()];
  expect(one).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  const only = (secret: string) => signatureHeaders(ID, 1, BODY, [secret]);
  const both = signatureHeaders(ID, 1, BODY, [one, two]);
  expect(both['webhook-signature']).toBe(`${only(one)['webhook-signature']} ${only(two)['webhook-signature']}`);
  expect(both['x-containr-signature-256']).toBe(
    `${only(one)['x-containr-signature-256']},${only(two)['x-containr-signature-256']}`,
  );
});
