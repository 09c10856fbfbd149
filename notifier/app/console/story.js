/* One parcel: its facts, its story as a timeline, its messages as the customer sees them. */
import { make, words, sentence, meaning, pill, track, windowText, dayOf, isoDayOf, timeOf, momentOf,
	lookText,
	languageName, segments, CARRIERS, STATUSES } from "./words.js";

const $ = (id) => document.getElementById(id);
const shown = { id: null, story: "", cards: new Map() };

export function clearStory() {
	shown.id = null;
	$("parcel").hidden = true;
	$("choose").hidden = false;
}

/* parcel: GET /v1/shipments/{id}; lines: …/explain; messages: with their contents. */
export function showStory(parcel, lines, messages, now) {
	const isOther = shown.id !== parcel.id;
	if (isOther) {
		Object.assign(shown, { id: parcel.id, story: "" });
		shown.cards.clear();
		$("messages").replaceChildren();
		$("detail").scrollTop = 0;
	}
	$("choose").hidden = true;
	$("parcel").hidden = false;
	showHead(parcel, now);
	showTimeline(parcel, lines, isOther, now);
	showMessages(parcel, messages);
}

/* --- the head --- */

function showHead(parcel, now) {
	const status = meaning(parcel, now);
	$("number").textContent = parcel.tracking_number;
	$("pill").replaceChildren(pill(status));
	$("track").replaceChildren(track(status));
	const people = parcel.recipients.map((r) =>
		[r.name ?? r.id, r.language && languageName(r.language), r.channels.join(" + ") || "wants no messages"]
			.filter(Boolean).join(" · "));
	const facts = [
		["Carrier", [CARRIERS[parcel.carrier] ?? parcel.carrier, parcel.actual_carrier].filter(Boolean).join(", carried by ")],
		["Order", parcel.order_number],
		["Expected", windowText(parcel.eta)],
		["Promised", windowText(parcel.promised)],
		["For", people.join("\n") || "nobody"],
		["Next look", lookText(parcel.next_poll, parcel.zone, now)],
		["Alarm", !status.finished && parcel.next_deadline
			? `${momentOf(parcel.next_deadline, parcel.zone)}, if nothing has happened by then` : ""],
	];
	$("facts").replaceChildren(...facts.filter(([, value]) => value)
		.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

/* --- the story --- */

/* "EVENT: VERDICT by CHANNEL to WHO", where the parts are not given by themselves */
function decisionOf(line) {
	const parts = /^(\w+): (\w+) by (\w+) to (.*)$/s.exec(line.what) ?? [];
	return { event: line.event ?? parts[1] ?? line.what, verdict: line.verdict ?? parts[2],
		channel: line.channel ?? parts[3], recipient: line.recipient ?? parts[4] };
}

const CHANNELS = { email: "E-mail", sms: "SMS" };
const VERDICTS = {
	send: { tone: "good", mark: "✉", text: "on its way" },
	hold: { tone: "wait", mark: "…", text: "held back" },
	drop: { tone: "still", mark: "–", text: "not sent" },
};
const RECEIPTS = {
	sent: { tone: "good", mark: "✓", text: "sent" },
	dropped: { tone: "still", mark: "–", text: "not sent after all" },
	failed: { tone: "bad", mark: "!", text: "failed for good" },
	expired: { tone: "bad", mark: "!", text: "given up: no longer news" },
	unknown: { tone: "wait", mark: "?", text: "outcome unknown" },
	retry: { tone: "wait", mark: "↻", text: "will be tried again" },
};
const REASONS = {
	superseded: "something newer has happened to the parcel",
	too_old: "the news is too old to be worth a message",
	erased: "the shipment or recipient was erased",
	no_consent: "the recipient is not signed up for this channel",
	no_channel: "the account has no provider for this channel",
};
const byClock = (line) => line.kind === "event" && line.why.includes("noticed by clock");

/* "the carrier's time is T; heard by S": the instant as people write it */
function scanned(line, zone) {
	const [, time, source] = /time is (\S+); heard by (\w+)/.exec(line.why) ?? [];
	const local = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)/.exec(time ?? "");
	if (!local) return sentence(line.why);
	const isToday = local[1] === isoDayOf(line.at, zone);
	const when = isToday ? local[2] : `${dayOf(`${local[1]}T12:00:00Z`, "UTC")}, ${local[2]}`;
	return `Scanned ${when} · ${source === "webhook" ? "the courier told us (webhook)" : `we asked (${source})`}`;
}

/* What a message is about, known from its decision: “delivered” to Asha by SMS. */
const subjectOf = ({ event, channel, recipient }, story) =>
	`${CHANNELS[channel] ?? channel ?? "Message"} “${words(event)}” to ${story.people.get(recipient) ?? recipient}`;

const describe = {
	report(line, story) {
		const [status, ...rest] = line.what.split(": ");
		return { tone: "plain", mark: "○", title: rest.join(": ") || words(status), aside: STATUSES[status]?.label ?? words(status),
			why: scanned(line, story.zone) };
	},
	event(line) {
		const [, reason] = /because of (\w+)/.exec(line.why) ?? [];
		const why = line.what === "delay_predicted" ? "Nobody told us: we go by what such parcels did before"
			: byClock(line) ? "Nobody told us: our clock noticed" : `A change worth knowing${reason ? `: ${words(reason)}` : ""}`;
		return { tone: "news", mark: byClock(line) ? "◷" : "★", title: sentence(words(line.what)), why };
	},
	decision(line, story) {
		const decision = decisionOf(line), receipt = story.receipts.get(line.message);
		const isSent = decision.verdict === "send" && receipt?.what === "sent";
		const row = isSent ? RECEIPTS.sent : VERDICTS[decision.verdict] ?? { tone: "plain", mark: "·", text: decision.verdict };
		const until = line.until && decision.verdict === "hold" ? `, until ${timeOf(line.until, story.zone)}` : "";
		return { ...row, minor: true, title: `${subjectOf(decision, story)}: ${row.text}`, why: `${sentence(line.why)}${until}`,
			message: isSent ? line.message : null };
	},
	receipt(line, story) {
		const row = RECEIPTS[line.what] ?? { tone: "plain", mark: "·", text: words(line.what) };
		const decision = story.decisions.get(line.message);
		return { ...row, minor: true, title: `${decision ? subjectOf(decision, story) : "Message"}: ${row.text}`,
			why: sentence(REASONS[line.why] ?? line.why), message: line.what === "sent" ? line.message : null };
	},
	forecast(line) {
		const isNow = line.what === "expected";
		return { tone: isNow ? "next" : "plain", minor: !isNow, mark: "◔",
			title: isNow ? "What we expect" : `Our own guess: ${words(line.what)}`, why: sentence(line.why) };
	},
	poll(line) {
		return isNext(line) ? { tone: "next", mark: "◌", title: "Next look", why: sentence(line.why) }
			: { tone: "plain", minor: true, mark: "?", title: sentence(words(line.what)), why: sentence(line.why) };
	},
};
describe.attempt = describe.receipt;
const isNext = (line) => line.what === "looked at next";

function lineNode(line, story) {
	const told = (describe[line.kind] ?? ((l) => ({ tone: "plain", mark: "·", title: l.what, why: l.why })))(line, story);
	const title = make("p", { className: "title" }, told.title);
	if (told.message) title.append(" ", jump(told.message));
	return make("li", { className: `line ${told.tone}${told.minor ? " minor" : ""}` },
		make("time", { className: "at", dateTime: line.at ?? "" }, isNext(line) && Date.parse(line.at) < story.now ? "soon" : line.at ? timeOf(line.at, story.zone) : ""),
		make("span", { className: "dot", "aria-hidden": "true" }, told.mark),
		make("div", { className: "say" }, title,
			told.aside ? make("span", { className: "aside" }, told.aside) : null,
			told.why ? make("p", { className: "why" }, told.why) : null));
}

function jump(message) {
	const link = make("button", { type: "button", className: "jump" }, "read it");
	link.addEventListener("click", () => {
		const card = shown.cards.get(message)?.card;
		if (!card) return;
		card.open = true;
		card.dataset.touched = 1;
		card.scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
		card.querySelector("summary").focus({ preventScroll: true });
	});
	return link;
}

/* What the lines of a story need to know of each other. */
function context(parcel, lines, now) {
	const story = { now, zone: parcel.zone, people: new Map(parcel.recipients.map((r) => [r.id, r.name ?? r.id])),
		decisions: new Map(), receipts: new Map() };
	for (const line of lines)
		if (line.kind === "decision" && line.message) story.decisions.set(line.message, decisionOf(line));
		else if (line.kind === "receipt") story.receipts.set(line.message, line);
	return story;
}

/* A message that went out at once needs one line, not two. */
const isToldByDecision = (line, story) => line.kind === "receipt" && line.what === "sent" && line.attempt === 1
	&& story.decisions.get(line.message)?.verdict === "send";

/* Newest first; what happened in one moment stays in its own order. */
function showTimeline(parcel, lines, isOther, now) {
	const text = JSON.stringify([lines, lines.some((line) => isNext(line) && Date.parse(line.at) < now)]);
	if (text === shown.story) return;
	shown.story = text;
	const list = $("story"), pane = $("detail");
	const before = list.scrollHeight;
	const story = context(parcel, lines, now);
	const nodes = lines.filter(isNext).map((line) => lineNode(line, story));
	let day = "";
	for (const group of groups(lines.filter((line) => !isNext(line) && !isToldByDecision(line, story))).reverse()) {
		const today = dayOf(group[0].at, parcel.zone);
		if (today !== day) nodes.push(make("li", { className: "day" }, today));
		day = today;
		nodes.push(...group.map((line) => lineNode(line, story)));
	}
	list.replaceChildren(...nodes);
	$("no-story").hidden = nodes.length > 0;
	const isReading = list.getBoundingClientRect().top < 0;
	if (!isOther && isReading) pane.scrollTop += list.scrollHeight - before;
}

/* A report, and what came of it until the next report or clock event, read downwards. */
function groups(lines) {
	const out = [];
	for (const line of lines) {
		const last = out.at(-1);
		if (last && line.kind !== "report" && line.kind !== "poll" && !byClock(line)) last.push(line);
		else out.push([line]);
	}
	return out;
}

/* --- the messages --- */

function showMessages(parcel, messages) {
	const box = $("messages");
	const seen = messages.filter((message) => message.content || message.state !== "dropped").reverse();
	$("no-messages").hidden = seen.length > 0;
	for (const [index, message] of seen.entries()) {
		let entry = shown.cards.get(message.id);
		if (!entry) {
			entry = { card: make("details", { className: "card" }), state: "" };
			shown.cards.set(message.id, entry);
		}
		if (box.children[index] !== entry.card) box.insertBefore(entry.card, box.children[index] ?? null);
		const state = `${message.state}${message.content ? 1 : 0}`;
		if (entry.state === state) continue;
		entry.state = state;
		fill(entry.card, message, parcel);
	}
	for (const channel of Object.keys(CHANNELS)) openNewest(seen.find((m) => m.channel === channel && m.content), channel);
}

/* The newest of each channel is open; what the reader touched stays as it is. */
function openNewest(message, channel) {
	const newest = message && shown.cards.get(message.id).card;
	if (!newest || newest.dataset.auto) return;
	for (const { card } of shown.cards.values())
		if (card.dataset.auto === channel && !card.dataset.touched) card.open = false;
	newest.open = true;
	newest.dataset.auto = channel;
}

function fill(card, message, parcel) {
	const content = message.content;
	const isSms = message.channel === "sms";
	const who = parcel.recipients.find((r) => r.id === message.recipient);
	const language = content?.language ?? who?.language ?? "";
	const summary = make("summary", {},
		make("span", { className: "kind" }, isSms ? "SMS" : "E-mail"),
		make("span", { className: `subject${isSms ? " sms" : ""}`, lang: content ? language : "en", dir: "auto" },
			content ? (isSms ? content.text : content.subject) : sentence(words(message.event))),
		message.state === "sent" ? null : make("span", { className: "tag state" }, words(message.state)),
		make("span", { className: "tag", title: `language: ${language}` }, languageName(language) || "?"));
	const meta = [who?.name ?? message.recipient, content?.to, sentence(words(message.event)),
		RECEIPTS[message.state]?.text ?? words(message.state), momentOf(content?.sent_at ?? message.ended_at, parcel.zone)];
	card.replaceChildren(summary, make("p", { className: "meta" }, meta.filter(Boolean).join(" · ")));
	summary.addEventListener("click", () => { card.dataset.touched = 1; });
	if (!content) card.append(make("p", { className: "meta" }, message.why ? sentence(REASONS[message.why] ?? message.why) : "Not written yet."));
	else if (isSms) card.append(bubble(content));
	else addLetter(card, content);
}

function bubble(content) {
	const { encoding, units, count } = segments(content.text);
	return make("div", { className: "phone" },
		make("p", { className: "bubble", lang: content.language, dir: "auto" }, content.text),
		make("p", { className: "meta" }, `${count} ${count === 1 ? "part" : "parts"} · ${units} ${encoding} units`));
}

/* The letter is loaded when the card is first opened.  The frame has no origin, so it is given the
 * mail by message, and says how tall it became. */
function addLetter(card, content) {
	const frame = make("iframe", { className: "letter", title: `E-mail: ${content.subject}` });
	frame.setAttribute("sandbox", "allow-scripts");
	frame.setAttribute("referrerpolicy", "no-referrer");
	addEventListener("message", function listen(event) {
		if (!frame.isConnected) return removeEventListener("message", listen);
		if (event.source !== frame.contentWindow) return undefined;
		if (event.data.ready) frame.contentWindow.postMessage({ html: content.html }, "*");
		else if (event.data.height > 0) frame.style.height = `${Math.min(event.data.height, 2400)}px`;
		return undefined;
	});
	card.append(frame);
	const load = () => { if (card.open && !frame.src) frame.src = "/console/letter.html"; };
	card.addEventListener("toggle", load);
	load();
}
