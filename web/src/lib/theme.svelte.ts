// Light or dark: what the system says, until somebody chooses. static/start.js has set it before the first paint.
export type ThemeChoice = 'system' | 'light' | 'dark';

const KEY = 'wrenn_theme';

function stored(): ThemeChoice {
	try {
		const value = localStorage.getItem(KEY);
		if (value === 'light' || value === 'dark') return value;
	} catch {
		// A browser that keeps nothing follows the system.
	}
	return 'system';
}

class Theme {
	choice = $state<ThemeChoice>('system');
	isDark = $state(false);
	private system: MediaQueryList | null = null;

	/** Begins to follow the system; once, in the browser. */
	start() {
		if (this.system) return;
		this.choice = stored();
		this.system = matchMedia('(prefers-color-scheme: dark)');
		this.system.addEventListener('change', () => this.apply());
		this.apply();
	}

	choose(choice: ThemeChoice) {
		this.choice = choice;
		try {
			if (choice === 'system') localStorage.removeItem(KEY);
			else localStorage.setItem(KEY, choice);
		} catch {
			// It holds until the page is left.
		}
		this.apply();
	}

	private apply() {
		this.isDark = this.choice === 'dark' || (this.choice === 'system' && this.system?.matches === true);
		document.documentElement.dataset.theme = this.isDark ? 'dark' : 'light';
	}
}

export const theme = new Theme();
