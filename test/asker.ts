// SPDX-License-Identifier: MIT
/** Asks Daily as often as it may, in a process of its own: `asker.ts URL REQUESTS [BUDGET_FILE]`. */
import { Daily } from "../src/daily/client.js";

const [url = "", requests = "", budgetFile] = process.argv.slice(2);
const daily = new Daily({ key: process.env.DAILY_API_KEY ?? "", url, budgetFile });
console.log("ready");
for await (const _ of process.stdin) break;
await Promise.all(Array.from({ length: Number(requests) }, () => daily.presence()));
