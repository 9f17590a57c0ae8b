// SPDX-License-Identifier: MIT
/** A book of calls in a process of its own, to be killed: `bookchild.ts DIRECTORY DAILY INFLUXDB`. */
import { Daily } from "../src/daily/client.js";
import { Database } from "../src/database.js";
import { formatLines } from "../src/line.js";
import { makeBook } from "./callbook.js";

const [directory = "", dailyUrl = "", influxUrl = ""] = process.argv.slice(2);
const database = new Database({ url: influxUrl, database: "followup", createDatabase: false }, 5_000);
const book = makeBook(directory, {
  daily: new Daily({ key: process.env.DAILY_API_KEY ?? "", url: dailyUrl, budgetFile: `${directory}/budget.json` }),
  write: (points) => database.write(formatLines(points)),
  times: { firstPoll: 0, pollInterval: 100, deadline: 60_000 },
  say: (line) => console.error(line),
});
book.open();
console.log("ready");
setInterval(() => undefined, 1000);
