// xterm.js, as the content security policy allows it. This file is loaded with the first terminal.
import '@xterm/xterm/css/xterm.css';
import { FitAddon } from '@xterm/addon-fit';
import { Unicode11Addon } from '@xterm/addon-unicode11';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { Terminal } from '@xterm/xterm';
import type { ITheme } from '@xterm/xterm';
import { adoptingStyles } from '$lib/ui/adopted_styles';

const LIGHT: ITheme = {
	black: '#16191d', red: '#b42323', green: '#17713c', yellow: '#8a5300', blue: '#3451c7', magenta: '#8c2f96', cyan: '#0b6b78', white: '#5a626d',
	brightBlack: '#5a626d', brightRed: '#c02626', brightGreen: '#1a7f43', brightYellow: '#9a5d00', brightBlue: '#4361d8', brightMagenta: '#a03aab', brightCyan: '#0d7a89', brightWhite: '#16191d'
};
const DARK: ITheme = {
	black: '#3a424c', red: '#ff8585', green: '#62cb8b', yellow: '#e8b04d', blue: '#8ba3ff', magenta: '#d79bf0', cyan: '#66c9d8', white: '#c9d0d8',
	brightBlack: '#7d8794', brightRed: '#ffa0a0', brightGreen: '#86dba6', brightYellow: '#f2c676', brightBlue: '#a9bbff', brightMagenta: '#e3b8f5', brightCyan: '#8cdae6', brightWhite: '#ffffff'
};

/** Of the theme that the page has now. */
export function themeOf(isDark: boolean): ITheme {
	const style = getComputedStyle(document.documentElement);
	const colour = (name: string) => style.getPropertyValue(`--color-${name}`).trim();
	return {
		...(isDark ? DARK : LIGHT),
		background: colour('sunken'),
		foreground: colour('text'),
		cursor: colour('accent'),
		cursorAccent: colour('sunken'),
		selectionBackground: isDark ? '#3b4a86' : '#c3cdf5',
		scrollbarSliderBackground: `${colour('strong')}66`,
		scrollbarSliderHoverBackground: `${colour('strong')}99`,
		scrollbarSliderActiveBackground: colour('strong')
	};
}

interface Internals {
	_core?: { _renderService?: { _renderer?: { value?: { _rowFactory?: { _addStyle?: (element: HTMLElement, style: string) => void } } } } };
}

/** Colours that are not of the palette xterm sets by style attributes, which the policy forbids; as properties it allows them. There
 * is no option for that, so this reaches into the renderer of the version that package.json names. */
function withoutStyleAttributes(terminal: Terminal) {
	const factory = (terminal as unknown as Internals)._core?._renderService?._renderer?.value?._rowFactory;
	if (factory?._addStyle) factory._addStyle = (element, style) => (element.style.cssText += `${style};`);
}

export interface Screen {
	terminal: Terminal;
	/** As many columns and rows as there is room for. */
	fit: () => void;
	dispose: () => void;
}

/** A link in what a program writes leads wherever it says: only the web, in a tab that knows nothing of this one. */
function follow(event: MouseEvent, address: string) {
	if (!/^https?:\/\//i.test(address)) return;
	event.preventDefault();
	window.open(address, '_blank', 'noopener,noreferrer');
}

export function makeScreen(place: HTMLElement, isDark: boolean, label: string): Screen {
	const terminal = new Terminal({
		allowProposedApi: true,
		cursorBlink: !matchMedia('(prefers-reduced-motion: reduce)').matches,
		fontFamily: getComputedStyle(document.documentElement).getPropertyValue('--font-mono'),
		fontSize: 13,
		lineHeight: 1.2,
		linkHandler: { activate: follow },
		minimumContrastRatio: 4.5,
		screenReaderMode: false,
		scrollback: 5000,
		theme: themeOf(isDark)
	});
	const fit = new FitAddon();
	terminal.loadAddon(fit);
	terminal.loadAddon(new WebLinksAddon(follow));
	terminal.loadAddon(new Unicode11Addon());
	terminal.unicode.activeVersion = '11';
	adoptingStyles(() => terminal.open(place));
	withoutStyleAttributes(terminal);
	terminal.textarea?.setAttribute('aria-label', label);
	return { terminal, fit: () => fit.fit(), dispose: () => terminal.dispose() };
}
