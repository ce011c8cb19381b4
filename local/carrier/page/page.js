/** Keeps the page in step with the carrier: reads on every change, draws the parts. */

import { carrier, CarrierError, watch } from "./api.js";
import { appAddress, drawConnect, drawWelcome, firstText } from "./connect.js";
import { byId, make, whenChanged } from "./dom.js";
import { drawHandsets, drawSenders, setUpHandsets } from "./handsets.js";
import { drawMagic } from "./magic.js";
import { go, onPlaceChange, place } from "./place.js";
import { drawReply, setUpReply } from "./reply.js";
import { drawTabs, setUpTabs } from "./tabs.js";
import { conversationOf, drawThread, setUpThread } from "./thread.js";
import { drawTraffic } from "./traffic.js";
import { drawTrouble, setUpTrouble } from "./trouble.js";

const CONNECTION_WORDS = { connecting: "Connecting…", live: "Live", reconnecting: "Reconnecting…" };

const state = { overview: null, handsets: [], traffic: { requests: [], events: [], relayed: [] }, connection: "connecting" };

const PAUSE_MS = 150;

async function read() {
  const [overview, handsets] = await Promise.all([carrier.overview(), carrier.handsets()]);
  Object.assign(state, { overview, handsets });
  if (byId("traffic").offsetParent === null) return;
  const [requests, events, relayed] = await Promise.all([carrier.requests(), carrier.events(), carrier.relayed()]);
  state.traffic = { requests, events, relayed };
}

let reading = null;
let readAgain = false;

/** Read and draw. Calls that come meanwhile make one more reading, a moment after this one. */
function refresh() {
  if (reading) readAgain = true;
  else reading = readUntilStill().finally(() => { reading = null; });
  return reading;
}

async function readUntilStill() {
  await readOnce();
  while (readAgain) {
    await new Promise((resolve) => { setTimeout(resolve, PAUSE_MS); });
    await readOnce();
  }
}

async function readOnce() {
  readAgain = false;
  try {
    await read();
  } catch (error) {
    if (!(error instanceof CarrierError)) throw error;
    showConnection("reconnecting");
    return;
  }
  draw();
}

function draw() {
  const here = place();
  document.body.dataset.view = here.view;
  drawTabs(here.tab);
  for (const button of document.querySelectorAll(".views button")) {
    const isHere = (button.dataset.view === "panel") === (here.view === "panel");
    button.setAttribute("aria-current", isHere ? "page" : "false");
  }
  if (!state.overview) return;
  drawConversation(here);
  drawSenders(state.overview.senders);
  drawTraffic(state.traffic);
  drawTrouble(state.overview.trouble);
  drawConnect(state.overview);
  drawConnection();
}

/** Draw the thread of the handset that the address names, else of the latest one. */
function drawConversation(here) {
  const { overview, handsets } = state;
  const handset = handsets.find(({ number }) => number === here.number) ?? handsets[0];
  document.body.toggleAttribute("data-empty", !handset);
  byId("welcome").hidden = Boolean(handset);
  byId("thread").hidden = !handset;
  byId("conversation").setAttribute("aria-labelledby", handset ? "thread-title" : "welcome");
  if (!handset) {
    drawWelcome(overview);
    drawHandsets([], null);
    return;
  }
  const sender = conversationOf(handset, overview.senders, here.sender);
  drawReply(handset.number, overview.senders.find((each) => each.sender === sender));
  drawThread(handset, sender, overview.senders, firstText(overview, handset.number));
  drawHandsets(handsets, handset.number);
  if (here.number !== handset.number) go({ number: handset.number, sender: null, view: here.view }, { quietly: true });
}

function showConnection(connection) {
  state.connection = connection;
  drawConnection();
}

function drawConnection() {
  const words = CONNECTION_WORDS[state.connection];
  const subscriptions = state.overview?.subscriptions ?? [];
  const isWaiting = subscriptions.some((subscription) => subscription.state !== "ready");
  const isLive = state.connection === "live";
  whenChanged(byId("connection"), [words, isWaiting, subscriptions.length], () => {
    byId("connection").dataset.state = isLive && isWaiting ? "waiting" : state.connection;
    byId("connection").replaceChildren(make("span", { class: "dot", "aria-hidden": "true" }),
      isLive ? `${words}, ${appWords(subscriptions, isWaiting)}` : words);
  });
}

function appWords(subscriptions, isWaiting) {
  if (subscriptions.length === 0) return "no app subscribed";
  return isWaiting ? `waiting for the app at ${appAddress(state.overview)}` : "app connected";
}

function setUpViews() {
  for (const button of document.querySelectorAll(".views button")) {
    button.addEventListener("click", () => go({ view: button.dataset.view }));
  }
  byId("back").addEventListener("click", () => {
    go({ view: "list" });
    document.querySelector(".handset[aria-current]")?.focus();
  });
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    byId("conversation").focus();
  });
}

setUpHandsets(refresh);
setUpThread();
setUpReply();
setUpTabs();
setUpTrouble(refresh);
setUpViews();
onPlaceChange(() => {
  draw();
  refresh();
});
document.addEventListener("visibilitychange", draw);
draw();
carrier.magic().then((rows) => drawMagic(rows, refresh), () => {});
watch(refresh, showConnection);
