// An echo origin as a process of its own, so that it can be killed. Says its port over IPC.
import { EchoOrigin } from "../support/echo-origin.ts";

const origin = new EchoOrigin({ name: process.env["ORIGIN_NAME"] ?? "origin" });
await origin.listen();
process.send?.({ type: "listening", port: origin.port });
process.once("disconnect", () => process.exit(0));
