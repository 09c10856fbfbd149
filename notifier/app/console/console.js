/* The console: polls the API, shows the list, and hands the chosen parcel to story.js. */
import { make, words, meaning, pill, track, windowText, momentOf,
	lookText, setHomeZone, CARRIERS } from "./words.js";
import { showStory, clearStory } from "./story.js";

const POLL_MS = 1500, HIDDEN_POLL_MS = 10000, PAGES_MAX = 5, LAST_MESSAGES_MAX = 80;
const $ = (id) => document.getElementById(id);

const rows = new Map(); /* id → {parcel, node, parts, state, last} */
const contents = new Map(); /* message id → message with its content: those do not change */
let clock = { now: Date.now(), at: performance.now(), scale: 1 };
let selected = location.hash.slice(1), filter = "all", failures = 0, isPublic = false;
let key = sessionStorage.getItem("key");

const now = () => clock.now + (performance.now() - clock.at) * clock.scale;

/* --- asking --- */

class Refused extends Error {}
class Gone extends Error {}

async function ask(path) {
	const headers = key ? { Authorization: `Bearer ${key}` } : {};
	const response = await fetch(path, { headers, cache: "no-store", signal: AbortSignal.timeout(8000) });
	if (response.status === 401 || response.status === 403)
		throw new Refused((await response.json().catch(() => ({}))).detail ?? "The key was refused.");
	if (response.status === 404) throw new Gone(path);
	if (!response.ok) throw new Error(`${path}: HTTP ${response.status}`);
	return response.json();
}

async function askClock() {
	const answer = await ask("/console/clock.json");
	clock = { now: Date.parse(answer.now), at: performance.now(), scale: answer.scale };
	isPublic = answer.is_public;
	setHomeZone(answer.zone);
	$("pace").hidden = clock.scale === 1;
	$("pace").textContent = `demo · a day takes ${Math.round(86400 / clock.scale)} seconds`;
}

async function askAll() {
	const all = [];
	let cursor = null;
	for (let page = 0; page < PAGES_MAX; page++) {
		const answer = await ask(`/v1/shipments?limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
		all.push(...answer.data);
		cursor = answer.next;
		if (!cursor) break;
	}
	const typed = $("search").value.trim();
	if (cursor && typed && !all.some((parcel) => matches(parcel, typed))) /* beyond what is listed */
		all.push(...(await ask(`/v1/shipments?number=${encodeURIComponent(typed)}`)).data);
	return all;
}

/* --- the list --- */

const FILTERS = {
	all: { label: "All", has: () => true },
	moving: { label: "On the way", has: (s) => !s.finished && s.tone === "move" },
	care: { label: "Needs care", has: (s) => !s.finished && (s.tone === "wait" || s.tone === "bad") },
	finished: { label: "Finished", has: (s) => s.finished },
};

const matches = (parcel, text) => [parcel.tracking_number, parcel.order_number]
	.some((value) => value?.toLowerCase().includes(text.toLowerCase()));

function newRow(id) {
	const parts = Object.fromEntries(["number", "from", "badge", "road", "eta", "look", "message"]
		.map((name) => [name, make("span", { className: name })]));
	const button = make("button", { type: "button", className: "row" },
		make("span", { className: "line1" }, parts.number, parts.badge), parts.from, parts.road,
		parts.eta, parts.look, parts.message);
	button.addEventListener("click", () => select(id));
	return { node: make("li", { "data-id": id }, button), button, parts, state: "", last: null };
}

const put = (node, text) => { if (node.textContent !== text) node.textContent = text; };

/* Our own guess, where it says more than the carrier. */
function foreseen({ forecast, eta }) {
	if (!forecast || (eta && !(forecast.p_late >= 0.5))) return "";
	const late = forecast.p_late >= 0.01 ? `, ${Math.round(100 * forecast.p_late)} % late` : "";
	return `we think ${windowText(forecast)}${late}`;
}

function fillRow(row) {
	const { parcel, parts } = row;
	const status = meaning(parcel, now());
	const look = parcel.next_poll;
	put(parts.number, parcel.tracking_number);
	put(parts.from, [CARRIERS[parcel.carrier] ?? parcel.carrier, parcel.order_number && `order ${parcel.order_number}`]
		.filter(Boolean).join(" · "));
	const state = JSON.stringify(status);
	if (row.state !== state) {
		parts.badge.replaceChildren(pill(status, true));
		parts.road.replaceChildren(track(status));
		row.state = state;
	}
	const expected = windowText(parcel.eta) || windowText(parcel.promised);
	put(parts.eta, status.finished ? `${status.label} ${momentOf(parcel.since, parcel.zone)}`
		: [expected ? `Expected ${expected}` : "", foreseen(parcel)].filter(Boolean).join(" · ") || "No estimate yet");
	put(parts.look, status.finished ? "" : look.at ? `Next look ${lookText(look, parcel.zone, now())}` : lookText(look));
	put(parts.message, row.last ? `${row.last.channel === "sms" ? "SMS" : "E-mail"} “${words(row.last.event)}” ${row.last.state}` : "");
	return status;
}

function showList(parcels) {
	const alive = new Set(parcels.map((parcel) => parcel.id));
	for (const [id, row] of rows) if (!alive.has(id)) { row.node.remove(); rows.delete(id); }
	for (const parcel of parcels) {
		if (!rows.has(parcel.id)) rows.set(parcel.id, newRow(parcel.id));
		const row = rows.get(parcel.id);
		const news = JSON.stringify([parcel.status, parcel.reason, parcel.heard_at, parcel.next_deadline]);
		if (row.news !== news) Object.assign(row, { news, looks: 3 });
		row.parcel = parcel;
	}
	drawList();
}

function drawList() {
	const typed = $("search").value.trim(), list = $("parcels");
	const order = [...rows.values()].sort((a, b) => Date.parse(b.parcel.created_at) - Date.parse(a.parcel.created_at)
		|| (a.parcel.id < b.parcel.id ? -1 : 1));
	const counts = Object.fromEntries(Object.keys(FILTERS).map((name) => [name, 0]));
	let shown = 0;
	for (const [index, row] of order.entries()) {
		const status = fillRow(row);
		for (const name in FILTERS) counts[name] += FILTERS[name].has(status);
		const isShown = FILTERS[filter].has(status) && (!typed || matches(row.parcel, typed));
		row.node.hidden = !isShown;
		shown += isShown;
		const isChosen = row.parcel.id === selected;
		if (isChosen) row.button.setAttribute("aria-current", "true");
		else row.button.removeAttribute("aria-current");
		if (list.children[index] !== row.node) list.insertBefore(row.node, list.children[index] ?? null);
	}
	$("empty").hidden = rows.size > 0;
	document.body.classList.toggle("is-empty", rows.size === 0);
	$("no-match").hidden = rows.size === 0 || shown > 0;
	$("filters").hidden = $("search").hidden = rows.size === 0;
	for (const button of $("filters").children) {
		const { name } = button.dataset;
		put(button.lastChild, String(counts[name]));
		button.setAttribute("aria-pressed", String(name === filter));
	}
}

/* The last message of each row, a few at a time: only where something has changed. */
async function askLastMessages() {
	const wanted = [...rows.values()].filter((row) => row.looks > 0 && row.parcel.created_at).slice(0, LAST_MESSAGES_MAX);
	for (const row of wanted.slice(0, 12)) {
		row.looks--;
		const { data } = await ask(`/v1/messages?shipment=${row.parcel.id}`);
		row.last = data.filter((message) => message.state !== "dropped").at(-1) ?? null;
	}
}

/* --- the chosen parcel --- */

function select(id) {
	selected = id;
	history.replaceState(null, "", id ? `#${id}` : location.pathname);
	document.body.classList.toggle("has-choice", Boolean(id));
	if (!id) clearStory();
	drawList();
	refreshStory().catch(() => {});
}

/* On a wide screen something is always open: the parcel that needs care, if there is one. */
function selectFirst() {
	const all = [...rows.values()];
	const row = all.find(({ parcel }) => FILTERS.care.has(meaning(parcel, now()))) ?? all[0];
	if (row) select(row.parcel.id);
}

async function messageOf(summary) {
	const known = contents.get(summary.id);
	if (known && known.state === summary.state) return known;
	const message = await ask(`/v1/messages/${summary.id}`).catch((error) => {
		if (error instanceof Gone) return { ...summary, content: null }; /* its time was over */
		throw error;
	});
	if (contents.size > 2000) contents.clear();
	contents.set(summary.id, message);
	return message;
}

async function refreshStory() {
	const id = selected;
	if (!id) return;
	try {
		const [parcel, story, list] = await Promise.all([ask(`/v1/shipments/${id}`),
			ask(`/v1/shipments/${id}/explain`), ask(`/v1/messages?shipment=${id}`)]);
		const messages = await Promise.all(list.data.map(messageOf));
		if (id === selected) showStory(parcel, story.data, messages, now());
	} catch (error) {
		if (!(error instanceof Gone)) throw error;
		if (id === selected) select(""); /* erased meanwhile */
	}
}

/* --- the frame --- */

function showBanner(text) {
	$("banner").hidden = !text;
	put($("banner"), text);
}

function showDoor(problem) {
	sessionStorage.removeItem("key");
	$("main").hidden = true;
	$("door").hidden = false;
	$("door-problem").textContent = key ? problem : "";
	key = null;
	if (document.activeElement === document.body) $("key").focus();
}

async function turn() {
	try {
		await askClock();
		if (!isPublic && !key) return showDoor("");
		showList(await askAll());
		$("main").hidden = false;
		$("door").hidden = true;
		if (!selected && matchMedia("(min-width: 60.01rem)").matches) selectFirst();
		await refreshStory();
		await askLastMessages();
		failures = 0;
		showBanner("");
	} catch (error) {
		if (error instanceof Refused) return showDoor(error.message);
		if (++failures >= 2) showBanner("The daemon does not answer. What you see is as of a moment ago; this page keeps trying.");
	}
	return undefined;
}

async function run() {
	for (;;) {
		if ($("door").hidden) await turn();
		await new Promise((wake) => { setTimeout(wake, document.hidden ? HIDDEN_POLL_MS : POLL_MS); });
	}
}

for (const [name, { label }] of Object.entries(FILTERS)) {
	const button = make("button", { type: "button", "data-name": name }, `${label} `, make("span", { className: "count" }, "0"));
	button.addEventListener("click", () => { filter = name; drawList(); });
	$("filters").append(button);
}
$("search").addEventListener("input", drawList);
$("back").addEventListener("click", () => select(""));
$("door").addEventListener("submit", (event) => {
	event.preventDefault();
	key = $("key").value.trim();
	sessionStorage.setItem("key", key);
	$("key").value = "";
	$("door").hidden = true;
});
addEventListener("hashchange", () => { if (location.hash.slice(1) !== selected) select(location.hash.slice(1)); });
document.body.classList.toggle("has-choice", Boolean(selected));
$("how").textContent = `curl ${location.origin}/v1/shipments \\
  -H "Authorization: Bearer $KEY" \\
  -d '{"tracking_number": "PARCEL-1", "carrier": "generic",
       "recipients": [{"name": "Asha", "email": "asha@example.org"}]}'`;
setInterval(() => put($("clock"), momentOf(now())), 250);
run();
