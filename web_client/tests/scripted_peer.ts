/** A stand-in for the browser's RTCPeerConnection that writes down what is asked of it and does what a test says. */

export class ScriptedChannel extends EventTarget {
  readyState: RTCDataChannelState = "connecting";
  readonly sent: Record<string, unknown>[] = [];
  constructor(
    readonly label: string,
    readonly init: RTCDataChannelInit,
  ) {
    super();
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }
  open(): void {
    this.readyState = "open";
    this.dispatchEvent(new Event("open"));
  }
  close(): void {
    if (this.readyState === "closed") return;
    this.readyState = "closed";
    this.dispatchEvent(new Event("close"));
  }
  receive(message: object): void {
    this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(message) }));
  }
}

export class ScriptedPeer extends EventTarget {
  readonly steps: string[] = [];
  readonly channels: ScriptedChannel[] = [];
  readonly directions: string[] = [];
  iceGatheringState: RTCIceGatheringState = "new";
  connectionState: RTCPeerConnectionState = "new";
  localDescription: { sdp: string } | null = null;
  ontrack: unknown = null;

  constructor(private readonly behaviour: { gathers: boolean; opens: boolean }) {
    super();
  }
  createDataChannel(label: string, init: RTCDataChannelInit): ScriptedChannel {
    this.steps.push(`channel ${label}`);
    const channel = new ScriptedChannel(label, init);
    this.channels.push(channel);
    return channel;
  }
  addTransceiver(_: unknown, init: { direction: string }): void {
    this.directions.push(init.direction);
  }
  async createOffer(): Promise<{ sdp: string }> {
    this.steps.push("offer");
    return { sdp: "offer" };
  }
  async setLocalDescription(description: { sdp: string }): Promise<void> {
    this.localDescription = description;
    if (!this.behaviour.gathers) return;
    queueMicrotask(() => {
      this.steps.push("gathered");
      this.localDescription = { sdp: "offer with candidates" };
      this.iceGatheringState = "complete";
      this.dispatchEvent(new Event("icegatheringstatechange"));
    });
  }
  async setRemoteDescription(): Promise<void> {
    this.steps.push("answer");
    if (!this.behaviour.opens) return;
    queueMicrotask(() => this.channels.forEach((channel) => channel.open()));
  }
  fail(): void {
    this.connectionState = "failed";
    this.dispatchEvent(new Event("connectionstatechange"));
  }
  disconnect(): void {
    this.connectionState = "disconnected";
    this.dispatchEvent(new Event("connectionstatechange"));
  }
  close(): void {
    this.connectionState = "closed";
    for (const channel of this.channels) channel.close();
  }
}
