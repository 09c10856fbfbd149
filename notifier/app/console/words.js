/* Words, times and small DOM helpers.  Texts of carriers and customers go into text nodes only. */

export const STATUSES = {
	unknown: { label: "Not known yet", tone: "still", step: 0, mark: "?" },
	pre_transit: { label: "Announced", tone: "move", step: 1, mark: "·" },
	in_transit: { label: "On the way", tone: "move", step: 2, mark: "→" },
	out_for_delivery: { label: "Out for delivery", tone: "move", step: 3, mark: "»" },
	available_for_pickup: { label: "Ready to collect", tone: "wait", step: 3, mark: "⌂" },
	attempt_failed: { label: "Nobody home", tone: "wait", step: 3, mark: "↻" },
	delivered: { label: "Delivered", tone: "good", step: 4, mark: "✓" },
	exception: { label: "In trouble", tone: "bad", step: 2, mark: "!" },
	returning: { label: "Going back", tone: "bad", step: 2, mark: "←" },
	returned: { label: "Returned", tone: "still", step: 4, mark: "←" },
	cancelled: { label: "Cancelled", tone: "still", step: 4, mark: "×" },
	expired: { label: "Given up", tone: "still", step: 4, mark: "×" },
};
const DELAYS = new Set(["weather", "missed_cutoff", "carrier_delay", "customs_hold"]);
const FINISHED = new Set(["delivered", "returned", "cancelled", "expired"]);

export const CARRIERS = { dhl: "DHL", fedex: "FedEx", generic: "Own courier", sandbox: "Sandbox Courier" };

export const words = (name) => String(name ?? "").replaceAll("_", " ");
export const sentence = (text) => (text ? text[0].toUpperCase() + text.slice(1) : "");

/* What a parcel is doing, for eyes: {label, tone, step, mark, why}. */
export function meaning(parcel, now) {
	const status = { ...(STATUSES[parcel.status] ?? STATUSES.unknown) };
	const finished = FINISHED.has(parcel.status);
	const expected = endOf(parcel.eta) ?? endOf(parcel.promised);
	const late = !finished && status.tone !== "bad" && parcel.status !== "available_for_pickup"
		&& ((expected !== null && expected < now) || laterThanPromised(parcel));
	if (parcel.status === "exception" && parcel.reason) status.label = sentence(words(parcel.reason));
	else if (!finished && DELAYS.has(parcel.reason)) Object.assign(status, { tone: "wait", note: words(parcel.reason) });
	else if (late) Object.assign(status, { tone: "wait", note: "late" });
	return { ...status, finished, late };
}

const laterThanPromised = ({ eta, promised }) => {
	const estimate = endOf(eta), promise = endOf(promised);
	return estimate !== null && promise !== null && estimate > promise;
};

/* The end of a window in ms; a date means its whole day. */
function endOf(window) {
	const text = window?.to ?? window?.from;
	if (!text) return null;
	const ms = Date.parse(text);
	return Number.isNaN(ms) ? null : text.length === 10 ? ms + 86400000 : ms;
}

/* --- times --- */

/* Where a parcel's own zone is not known: the merchant's. */
let homeZone = null;
export const setHomeZone = (zone) => { homeZone = zone; };

const formats = new Map();
function format(parcelZone, options) {
	const zone = parcelZone || homeZone;
	const key = `${zone}${JSON.stringify(options)}`;
	if (!formats.has(key)) {
		try {
			formats.set(key, new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone || undefined }));
		} catch {
			formats.set(key, new Intl.DateTimeFormat("en-GB", options));
		}
	}
	return formats.get(key);
}
const DAY = { weekday: "short", day: "numeric", month: "short" };
const LONG_DAY = { weekday: "long", day: "numeric", month: "long" };
const TIME = { hour: "2-digit", minute: "2-digit" };
export const dayOf = (at, zone) => format(zone, LONG_DAY).format(new Date(at));
/* "2026-03-05": Swedish writes dates so. */
export const isoDayOf = (at, zone) => new Date(at).toLocaleDateString("sv", { timeZone: zone || homeZone || undefined });
export const timeOf = (at, zone) => format(zone, TIME).format(new Date(at));
export const momentOf = (at, zone) => (at ? `${format(zone, DAY).format(new Date(at))}, ${timeOf(at, zone)}` : "");

/* A window as written, in its own wall clock: that is what the customer reads. */
export function windowText(window) {
	const [from, to] = [window?.from, window?.to].map(local);
	const last = to ?? from;
	if (!last) return "";
	const day = format("UTC", DAY).format(last.at);
	if (!last.time) return from && from.day !== last.day ? `${format("UTC", DAY).format(from.at)} – ${day}` : day;
	if (!from || !from.time || (from.day === last.day && from.time === last.time)) return `${day}, by ${last.time}`;
	return from.day === last.day ? `${day}, ${from.time}–${last.time}`
		: `${format("UTC", DAY).format(from.at)} – ${day}`;
}
function local(text) {
	const parts = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d))?/.exec(text ?? "");
	return parts && { day: parts[1], time: parts[2], at: new Date(`${parts[1]}T12:00:00Z`) };
}

const languageNames = new Map();
export function languageName(code) {
	if (!languageNames.has(code)) {
		let name = code;
		try {
			name = new Intl.DisplayNames([code], { type: "language" }).of(code) ?? code;
		} catch { /* an unknown code stays a code */ }
		languageNames.set(code, name);
	}
	return languageNames.get(code);
}

/* --- parts of a text message (3GPP TS 23.038) --- */

const GSM = new Set("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà");
const GSM_TWO = new Set("^{}\\[~]|€\f");
export function segments(text) {
	const letters = [...text];
	const plain = letters.every((c) => GSM.has(c) || GSM_TWO.has(c));
	const sizes = letters.map((c) => (plain ? (GSM_TWO.has(c) ? 2 : 1) : c.length));
	const units = sizes.reduce((sum, size) => sum + size, 0);
	const [single, each] = plain ? [160, 153] : [70, 67];
	let count = 1, used = 0;
	if (units > single)
		for (const size of sizes) { /* a pair is never split between two parts */
			if (used + size > each) [count, used] = [count + 1, 0];
			used += size;
		}
	return { encoding: plain ? "GSM-7" : "UCS-2", units, count };
}

/* --- DOM --- */

/* make("p", {className: "x", lang: "hi"}, "text", child, …); null and "" are left out. */
export function make(tag, properties = {}, ...children) {
	const node = document.createElement(tag);
	for (const [name, value] of Object.entries(properties))
		if (name.startsWith("aria-") || name.startsWith("data-")) node.setAttribute(name, value);
		else if (value !== undefined && value !== null) node[name] = value;
	node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
	return node;
}

export function pill(status, isShort = false) {
	const label = isShort && status.note ? sentence(status.note) : status.label;
	return make("span", { className: `pill ${status.tone}`, title: `${status.label}${status.note ? ` · ${status.note}` : ""}` },
		make("span", { className: "mark", "aria-hidden": "true" }, status.mark), label,
		!isShort && status.note ? make("span", { className: "note" }, status.note) : null);
}

/* "Mon 23 Nov, 07:46 · out for delivery: every 20 min".  A look that has just become due, or that
 * brought nothing new, has no new time yet. */
export function lookText({ at, why }, zone, now) {
	if (!at) return sentence(why);
	return `${Date.parse(at) > now ? momentOf(at, zone) : "soon"} · ${why ?? ""}`;
}

export function track(status) {
	const bar = make("span", { className: `steps ${status.tone}`, "aria-hidden": "true" });
	for (let step = 1; step <= 4; step++)
		bar.append(make("span", { className: step < status.step ? "done" : step === status.step ? "here" : "" }));
	return bar;
}
