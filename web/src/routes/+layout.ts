// All of it runs in the browser.
export const ssr = false;
export const prerender = false;
