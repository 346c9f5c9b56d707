declare global {
	namespace App {
		interface PageState {
			/** What lies over the page, and is left by going back. */
			overlay?: string;
		}
	}
}

export {};
