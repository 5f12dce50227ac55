export { MembersApiModule } from './members.module.js';
