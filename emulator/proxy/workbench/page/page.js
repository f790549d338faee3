import { Backends } from "./backends.js";
import { BoardPanel } from "./board.js";
import { Charts } from "./charts.js";
import { options, show, wish } from "./element.js";
import { Log } from "./log.js";
import { Machines } from "./machines.js";
import { Scene } from "./scene.js";
import { Traffic } from "./traffic.js";

// Listens to the workbench, and gives each part of the page what it shows.

const part = id => document.getElementById(id);

const charts = new Charts(part);
const scene = new Scene(part("scene"));
const board = new BoardPanel(part("board"));
const backends = new Backends(part("backends"));
const machines = new Machines(part("machines"));
const traffic = new Traffic(part("traffic"));
const log = new Log(part("log"));
const balance = part("balance");
balance.onchange = () => wish("balance", { balance: balance.value });

let hello;
const events = new EventSource("/events");

events.addEventListener("hello", ({ data }) => {
  hello = JSON.parse(data);
  part("title").textContent = hello.title;
  balance.replaceChildren(...options(hello.balances));
  balance.disabled = hello.readOnly !== null;
  balance.title = hello.readOnly ?? "";
  charts.begin(hello.points);
  board.begin(hello);
  backends.begin(hello);
  machines.begin(hello);
  traffic.begin(hello);
  log.begin(hello.lines);
  if (hello.now.look) draw(hello.now);
});
events.addEventListener("sample", ({ data }) => {
  const sample = JSON.parse(data);
  charts.add(sample.point);
  draw(sample);
});
events.addEventListener("lines", ({ data }) => log.add(JSON.parse(data)));
events.addEventListener("replaced", ({ data }) => {
  events.close(); // it would come back, and replace another one
  setState(`closed: ${JSON.parse(data).pages} newer pages are open; reload to watch here`, "bad");
});
events.addEventListener("error", () => setState("the workbench has ended", "bad"));

function draw(sample) {
  const { look } = sample;
  const { status } = look;
  const running = look.state === "running";
  if (!running) setState(look.state, "bad");
  else if (status?.ip === null) setState("no Wi-Fi", "bad");
  else setState("running", "good");
  if (status) show(balance, status.balance);
  part("trial").hidden = (status?.configuration.trialLeftMs ?? null) === null;
  const people = traffic.draw(sample);
  scene.draw(sample, people);
  board.draw(look);
  backends.draw(sample);
  machines.draw(sample);
  charts.draw(status?.backends ?? []);
}

function setState(text, kind) {
  part("state").textContent = text;
  part("state").className = `pill ${kind}`;
}
