// Runs the handler with AWS's runtime interface client.

import { run } from "./client/index.mjs";

await run(process.env.LAMBDA_TASK_ROOT ?? "/var/task", process.env._HANDLER);
