// Shows /api/openapi.json. The renderer is Swagger UI, as it is; what it leaves without a name is named here.

const page = document.querySelector("#docs");

const NAMELESS = [
  ["select", (one) => one.closest("tr")?.dataset.paramName ?? "Content type"],
  ["textarea", () => "Request body"],
  ["input", (one) => one.closest("tr")?.dataset.paramName ?? one.placeholder],
  [".close-modal", () => "Close"],
];

function nameControls() {
  for (const [selector, name] of NAMELESS) {
    for (const one of page.querySelectorAll(`${selector}:not([aria-label])`)) {
      if (!one.labels?.length) one.setAttribute("aria-label", name(one));
    }
  }
  for (const one of page.querySelectorAll("pre:not([tabindex])")) one.tabIndex = 0;
}

new MutationObserver(nameControls).observe(page, { childList: true, subtree: true });

SwaggerUIBundle({
  url: page.dataset.document,
  domNode: page,
  // No other server is asked, for nothing.
  validatorUrl: null,
  // A link inside the button that opens an operation could not be reached by keyboard.
  deepLinking: false,
  // Its colours are too pale.
  syntaxHighlight: false,
  // There is one server, this one.
  plugins: [{ wrapComponents: { ServersContainer: () => () => null } }],
});
