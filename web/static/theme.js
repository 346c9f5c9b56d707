// Chooses the theme before the first paint: what the person chose, or what the system says.
(function () {
	var chosen = null;
	try {
		chosen = localStorage.getItem('wrenn_theme');
	} catch (error) {
		// A browser that keeps nothing follows the system.
	}
	var dark = chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
	document.documentElement.setAttribute('data-theme', dark ? 'dark' : 'light');
})();
