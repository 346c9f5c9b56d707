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

// A part of the application that does not come makes for a page that does nothing: a newer version may have taken its place, or the
// network changed under way. It is loaded anew, once in ten seconds at most.
(function () {
	function again() {
		var last = 0;
		try {
			last = Number(sessionStorage.getItem('wrenn_reloaded'));
			if (Date.now() - last < 10000) return;
			sessionStorage.setItem('wrenn_reloaded', String(Date.now()));
		} catch (error) {
			// Without a memory there could be no end of it.
			return;
		}
		location.reload();
	}
	addEventListener('vite:preloadError', again);
	addEventListener('unhandledrejection', function (event) {
		if (/dynamically imported module|Importing a module/.test(String(event.reason))) again();
	});
	addEventListener(
		'error',
		function (event) {
			if (event.target && event.target.tagName === 'SCRIPT') again();
		},
		true
	);
})();
