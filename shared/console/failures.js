/** Work that could not be done after all tries, and doing it again. */

import { call } from "./api.js";
import { button, card, empty, heading, say, table, when } from "./dom.js";

export async function showFailures(room) {
  const list = card();
  const resend = (path) => async () => {
    try {
      const { resent } = await call("POST", path);
      say(`${resent} went back into the queue.`);
      await refresh();
    } catch (error) {
      say(error.message);
    }
  };
  const refresh = async () => {
    const { value } = await call("GET", "failures");
    list.replaceChildren(...(value.length
      ? [table("Failures", ["At", "Queue", "Work", ""], value.map((one) =>
        [when(one.failedAt), one.queue, one.body, button("Resend", resend(`failures/${one.id}/resend`), "quiet")])),
      button("Resend all", resend("failures/resend"))]
      : [empty("Nothing has failed.")]));
  };
  room.append(heading("Failures"), list);
  await refresh();
}
