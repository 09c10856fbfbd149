/* The frame that shows an e-mail as its reader sees it.  It has no origin of its own (sandbox), may
 * load nothing, and runs no script but this one: what innerHTML brings is never executed. */
"use strict";

const tellHeight = () =>
	parent.postMessage({ height: document.documentElement.scrollHeight }, "*");

addEventListener("message", (event) => {
	if (event.source !== parent || typeof event.data.html !== "string") return;
	const mail = new DOMParser().parseFromString(event.data.html, "text/html");
	for (const { name, value } of mail.documentElement.attributes)
		document.documentElement.setAttribute(name, value);
	document.documentElement.innerHTML = mail.documentElement.innerHTML;
	new ResizeObserver(tellHeight).observe(document.body);
	tellHeight();
});

/* Links are shown, not followed: the shop behind them does not exist. */
addEventListener("click", (event) => event.preventDefault(), true);
addEventListener("auxclick", (event) => event.preventDefault(), true);

parent.postMessage({ ready: true }, "*");
