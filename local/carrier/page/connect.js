/** What an app needs to use this carrier: addresses, key, senders; and the command that sends the first text. */

import { byId, copyable, make, whenChanged } from "./dom.js";
import { senderType } from "./words.js";

const DEFAULT_APP = "http://127.0.0.1:7071";
const EXAMPLE_NUMBER = "+14255550123";
const STOP_HANDLERS = { carrier: "the network handles STOP", service: "the service handles STOP", none: "STOP is left to the app" };

/** The address of the app that events go to, or where it is by default. */
export function appAddress(overview) {
  const endpoint = overview.subscriptions[0]?.endpoint;
  return endpoint ? new URL(endpoint).origin : DEFAULT_APP;
}

/** A command line that makes the app text `number`. */
export function firstText(overview, number = EXAMPLE_NUMBER) {
  const body = JSON.stringify({ to: number, text: "Hello from my laptop" });
  return `curl -X POST ${appAddress(overview)}/api/messages -H "Content-Type: application/json" -d '${body}'`;
}

export function drawWelcome(overview) {
  const box = byId("welcome");
  const command = firstText(overview);
  whenChanged(box, command, () => box.replaceChildren(
    make("img", { src: "/page/icon.svg", alt: "", width: "64", height: "64" }),
    make("h2", {}, "Send the first text"),
    make("p", {}, "Run this in a terminal. The handset appears here by itself."),
    copyable(command, "command that sends the first text"),
    make("p", { class: "hint" }, "Or add a handset by its number, and text the app from it.")));
}

export function drawConnect(overview) {
  const { connectionString, topicEndpoint, senders, subscriptions } = overview;
  const box = byId("connect-body");
  whenChanged(box, [connectionString, topicEndpoint, senders, subscriptions], () => box.replaceChildren(
    make("h3", {}, "Connection string"),
    copyable(connectionString, "connection string"),
    make("p", { class: "hint" }, "The key is for local use only. Some SDKs turn the address in a connection string into https: give those the endpoint and the key apart."),
    make("h3", {}, "Senders"),
    make("ul", { class: "plain" }, ...senders.map(senderLine)),
    make("h3", {}, "Events go to"),
    subscriptions.length === 0
      ? make("p", { class: "hint" }, "No app is subscribed. Start the carrier with --functions-url to subscribe one.")
      : make("ul", { class: "plain" }, ...subscriptions.map(subscriptionLine)),
    make("h3", {}, "Relayed events are taken at"),
    copyable(topicEndpoint, "relay topic address")));
}

function senderLine(sender) {
  const limits = sender.requestsPerMinute ? `, ${sender.requestsPerMinute} requests a minute` : "";
  return make("li", {}, make("strong", {}, sender.sender),
    make("span", { class: "hint" }, `${senderType(sender)}${limits}; ${STOP_HANDLERS[sender.optOuts] ?? ""}`));
}

function subscriptionLine(subscription) {
  const ready = subscription.state === "ready";
  return make("li", {},
    make("strong", {}, subscription.eventType.split(".").at(-1)),
    make("span", { class: `badge ${ready ? "good" : "waiting"}` }, ready ? "Ready" : "Waiting for the app"),
    make("span", { class: "hint address" }, withoutKey(subscription.endpoint)));
}

function withoutKey(endpoint) {
  const url = new URL(endpoint);
  url.searchParams.delete("code");
  return url.href;
}
