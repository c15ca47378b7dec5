/** The browser's microphone: ask for it, list the choices, measure its level, and say what to do when it is refused. */

export type MicrophoneProblem = "insecure" | "refused" | "missing" | "busy" | "unsupported";

export const MICROPHONE_ADVICE: Record<MicrophoneProblem, string> = {
  insecure:
    "Browsers give a page the microphone only on localhost or over TLS. Open this page with an address that starts with https://, or on the machine that runs it with http://localhost.",
  refused:
    "The browser refused the microphone. Allow it with the microphone or lock sign beside the page's address, then choose “Try again”.",
  missing: "No microphone was found. Plug one in, then choose “Try again”.",
  busy: "The microphone could not be opened. Another program may hold it: close that program, then choose “Try again”.",
  unsupported: "This browser cannot use a microphone here. Use a current Chrome, Edge, Firefox or Safari.",
};

export class MicrophoneError extends Error {
  constructor(readonly problem: MicrophoneProblem) {
    super(MICROPHONE_ADVICE[problem]);
    this.name = "MicrophoneError";
  }
}

/** `deviceId` null takes the browser's own choice. */
export async function openMicrophone(deviceId: string | null): Promise<MediaStream> {
  if (!globalThis.isSecureContext) throw new MicrophoneError("insecure");
  if (!navigator.mediaDevices?.getUserMedia) throw new MicrophoneError("unsupported");
  const audio: MediaTrackConstraints = {
    channelCount: 1,
    echoCancellation: true,
    noiseSuppression: true,
    autoGainControl: true,
    ...(deviceId === null ? {} : { deviceId: { exact: deviceId } }),
  };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    throw new MicrophoneError(classify(error instanceof Error ? error.name : ""));
  }
}

/** Names are known only after a microphone was opened once. */
export async function listMicrophones(): Promise<MediaDeviceInfo[]> {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter((device) => device.kind === "audioinput" && device.deviceId !== "");
}

export function classify(errorName: string): MicrophoneProblem {
  switch (errorName) {
    case "NotAllowedError":
    case "SecurityError":
      return "refused";
    case "NotFoundError":
    case "OverconstrainedError":
      return "missing";
    default:
      return "busy";
  }
}

export interface LevelMeter {
  /** 0 silent … 1 full scale, on a scale that follows loudness. */
  read(): number;
  close(): void;
}

const FLOOR_DB = -60;

export function measureLevel(stream: MediaStream): LevelMeter {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  return {
    read() {
      analyser.getFloatTimeDomainData(samples);
      return loudness(samples);
    },
    close() {
      void context.close();
    },
  };
}

/** Samples in [-1, 1] to 0 … 1: −60 dBFS is 0, full scale is 1. */
export function loudness(samples: Float32Array): number {
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / Math.max(1, samples.length);
  if (power === 0) return 0;
  return Math.min(1, Math.max(0, 1 - (10 * Math.log10(power)) / FLOOR_DB));
}
