// Short words about what was done, in a corner: toast.success('Saved'), toast.error(thrown).
import { describe } from '../api/errors';

export interface Toast {
	id: number;
	kind: 'success' | 'error' | 'info';
	text: string;
	action?: { label: string; run: () => void };
}

const SECONDS = { success: 4, info: 6, error: 10 };
const MOST = 4;

class Toasts {
	list = $state.raw<Toast[]>([]);
	private next = 1;
	private timers = new Map<number, ReturnType<typeof setTimeout>>();

	success(text: string, action?: Toast['action']) {
		this.add('success', text, action);
	}
	info(text: string, action?: Toast['action']) {
		this.add('info', text, action);
	}
	/** Of an error or of words. */
	error(thrown: unknown) {
		this.add('error', typeof thrown === 'string' ? thrown : describe(thrown));
	}

	dismiss(id: number) {
		clearTimeout(this.timers.get(id));
		this.timers.delete(id);
		this.list = this.list.filter((toast) => toast.id !== id);
	}

	/** Reading takes its time: none goes while the mouse or the keyboard is on them. */
	hold() {
		for (const timer of this.timers.values()) clearTimeout(timer);
		this.timers.clear();
	}
	release() {
		for (const toast of this.list) this.expire(toast);
	}

	private add(kind: Toast['kind'], text: string, action?: Toast['action']) {
		const toast: Toast = { id: this.next++, kind, text, action };
		// The same words twice are no news.
		for (const same of this.list.filter((one) => one.text === text)) this.dismiss(same.id);
		for (const old of this.list.slice(0, Math.max(0, this.list.length - MOST + 1))) this.dismiss(old.id);
		this.list = [...this.list, toast];
		this.expire(toast);
	}

	private expire(toast: Toast) {
		this.timers.set(
			toast.id,
			setTimeout(() => this.dismiss(toast.id), SECONDS[toast.kind] * 1000)
		);
	}
}

export const toast = new Toasts();
