/** What is on the Docker Engine under one installation's label. */
import Docker from 'dockerode';

export interface Container {
  id: string;
  name: string;
  state: string;
  labels: Record<string, string>;
}

export class Things {
  /** DOCKER_HOST of the test run, else the default socket. */
  readonly docker = new Docker();

  constructor(readonly installation: string) {}

  private get filters() {
    return { filters: { label: [`containr.installation=${this.installation}`] } };
  }

  async containers(service?: { id: string }): Promise<Container[]> {
    const all = await this.docker.listContainers({ all: true, ...this.filters });
    return all
      .map(({ Id, Names, State, Labels }) => ({ id: Id, name: Names[0] ?? '', state: State, labels: Labels }))
      .filter(({ labels }) => !service || labels['containr.service'] === service.id);
  }

  async networks(): Promise<string[]> {
    return (await this.docker.listNetworks(this.filters)).map(({ Name }) => Name).sort();
  }

  async volumes(): Promise<string[]> {
    const { Volumes } = await this.docker.listVolumes(this.filters);
    return (Volumes ?? []).map(({ Name }) => Name).sort();
  }

  /** Ids of images that were built for this installation. */
  async images(): Promise<string[]> {
    return (await this.docker.listImages(this.filters)).map(({ Id }) => Id).sort();
  }

  /** One line for each thing; empty when nothing of the installation is left. */
  async all(): Promise<string[]> {
    const [containers, networks, volumes, images] = await Promise.all([
      this.containers(),
      this.networks(),
      this.volumes(),
      this.images(),
    ]);
    return [
      ...containers.map(({ name, state }) => `container ${name} (${state})`),
      ...networks.map((name) => `network ${name}`),
      ...volumes.map((name) => `volume ${name}`),
      ...images.map((id) => `image ${id}`),
    ];
  }

  /** So that a story that failed does not make the next ones fail. */
  async removeAll(): Promise<void> {
    for (const { id } of await this.containers()) await this.docker.getContainer(id).remove({ force: true, v: true });
    for (const name of await this.networks()) await this.docker.getNetwork(name).remove();
    for (const name of await this.volumes()) await this.docker.getVolume(name).remove();
    for (const id of await this.images()) await this.docker.getImage(id).remove({ force: true });
  }
}
