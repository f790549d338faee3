// Modules of the SDK that the firmware's clock imports; the bundle takes ours.

declare module "time" {
  const Time: typeof import("./sdk/time.ts").default;
  export default Time;
}

declare module "timer" {
  const Timer: typeof import("./sdk/timer.ts").default;
  export default Timer;
}
