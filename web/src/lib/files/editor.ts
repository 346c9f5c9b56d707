// CodeMirror in a shadow root, where it uses adopted style sheets, as the content security policy wants. Loaded with the first text.
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { HighlightStyle, LanguageSupport, StreamLanguage, bracketMatching, foldGutter, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import type { StreamParser } from '@codemirror/language';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { Compartment, EditorState } from '@codemirror/state';
import type { Extension } from '@codemirror/state';
import { EditorView, drawSelection, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import type { Language } from './kinds';

const stream = (parser: StreamParser<unknown>): Extension => new LanguageSupport(StreamLanguage.define(parser));

// Each is a part of its own, loaded when a file needs it.
const loaders: Record<Language, () => Promise<Extension>> = {
	javascript: async () => (await import('@codemirror/lang-javascript')).javascript(),
	jsx: async () => (await import('@codemirror/lang-javascript')).javascript({ jsx: true }),
	typescript: async () => (await import('@codemirror/lang-javascript')).javascript({ typescript: true }),
	tsx: async () => (await import('@codemirror/lang-javascript')).javascript({ jsx: true, typescript: true }),
	json: async () => (await import('@codemirror/lang-json')).json(),
	markdown: async () => (await import('@codemirror/lang-markdown')).markdown(),
	python: async () => (await import('@codemirror/lang-python')).python(),
	shell: async () => stream((await import('@codemirror/legacy-modes/mode/shell')).shell),
	yaml: async () => stream((await import('@codemirror/legacy-modes/mode/yaml')).yaml),
	toml: async () => stream((await import('@codemirror/legacy-modes/mode/toml')).toml),
	dockerfile: async () => stream((await import('@codemirror/legacy-modes/mode/dockerfile')).dockerFile),
	c: async () => stream((await import('@codemirror/legacy-modes/mode/clike')).c),
	cpp: async () => stream((await import('@codemirror/legacy-modes/mode/clike')).cpp),
	java: async () => stream((await import('@codemirror/legacy-modes/mode/clike')).java),
	rust: async () => stream((await import('@codemirror/legacy-modes/mode/rust')).rust),
	go: async () => stream((await import('@codemirror/legacy-modes/mode/go')).go),
	ruby: async () => stream((await import('@codemirror/legacy-modes/mode/ruby')).ruby),
	sql: async () => stream((await import('@codemirror/legacy-modes/mode/sql')).standardSQL),
	css: async () => stream((await import('@codemirror/legacy-modes/mode/css')).css),
	xml: async () => stream((await import('@codemirror/legacy-modes/mode/xml')).html),
	properties: async () => stream((await import('@codemirror/legacy-modes/mode/properties')).properties),
	nginx: async () => stream((await import('@codemirror/legacy-modes/mode/nginx')).nginx),
	lua: async () => stream((await import('@codemirror/legacy-modes/mode/lua')).lua),
	perl: async () => stream((await import('@codemirror/legacy-modes/mode/perl')).perl),
	diff: async () => stream((await import('@codemirror/legacy-modes/mode/diff')).diff),
	cmake: async () => stream((await import('@codemirror/legacy-modes/mode/cmake')).cmake)
};

// The colours of app.css reach into the shadow root, so dark and light follow by themselves.
const look = EditorView.theme({
	'&': { height: '100%', fontSize: '13px', color: 'var(--color-text)', backgroundColor: 'var(--color-surface)' },
	'&.cm-focused': { outline: 'none' },
	'.cm-scroller': { fontFamily: 'var(--font-mono)', lineHeight: '1.5' },
	'.cm-content': { caretColor: 'var(--color-accent)' },
	'.cm-cursor': { borderLeftColor: 'var(--color-accent)' },
	'.cm-gutters': { backgroundColor: 'var(--color-surface)', color: 'var(--color-muted)', border: 'none' },
	'.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'var(--color-hover)' },
	'&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'var(--color-accent-soft)' },
	'.cm-panels': { backgroundColor: 'var(--color-raised)', color: 'var(--color-text)', borderColor: 'var(--color-border)' },
	'.cm-searchMatch': { backgroundColor: 'var(--color-warn-soft)' },
	'.cm-textfield, .cm-button': { background: 'var(--color-surface)', color: 'var(--color-text)', border: '1px solid var(--color-strong)' }
});
const colours = HighlightStyle.define([
	{ tag: [tags.keyword, tags.modifier, tags.operatorKeyword, tags.tagName], color: 'var(--color-accent)' },
	{ tag: [tags.string, tags.regexp, tags.special(tags.string), tags.attributeValue], color: 'var(--color-ok)' },
	{ tag: [tags.number, tags.bool, tags.null, tags.atom, tags.attributeName], color: 'var(--color-warn)' },
	{ tag: [tags.comment, tags.meta], color: 'var(--color-muted)', fontStyle: 'italic' },
	{ tag: [tags.deleted, tags.invalid], color: 'var(--color-danger)' },
	{ tag: tags.inserted, color: 'var(--color-ok)' },
	{ tag: [tags.heading, tags.strong], fontWeight: '600' },
	{ tag: tags.emphasis, fontStyle: 'italic' }
]);

export interface Editor {
	text: () => string;
	focus: () => void;
	destroy: () => void;
}

interface Options {
	text: string;
	language: Language | null;
	label: string;
	onChange: () => void;
	onSave: () => void;
}

export function makeEditor(place: HTMLElement, { text, language, label, onChange, onSave }: Options): Editor {
	const root = place.shadowRoot ?? place.attachShadow({ mode: 'open' });
	const colouring = new Compartment();
	// What was read is what is written: line ends stay as they are.
	const separator = text.includes('\r\n') && !/[^\r]\n/.test(text) ? '\r\n' : '\n';
	const view = new EditorView({
		root,
		parent: root,
		state: EditorState.create({
			doc: text,
			extensions: [
				EditorState.lineSeparator.of(separator),
				lineNumbers(), foldGutter(), history(), drawSelection(), indentOnInput(), bracketMatching(), highlightActiveLine(), highlightActiveLineGutter(),
				highlightSelectionMatches(), search({ top: true }), EditorView.lineWrapping, look, syntaxHighlighting(colours), colouring.of([]),
				EditorView.contentAttributes.of({ 'aria-label': label, 'data-keeps-keys': '' }),
				EditorView.updateListener.of((update) => update.docChanged && onChange()),
				// Escape, then Tab leaves the editor by keyboard.
				keymap.of([{ key: 'Mod-s', run: () => (onSave(), true) }, ...searchKeymap, ...defaultKeymap, ...historyKeymap, indentWithTab])
			]
		})
	});
	if (language) {
		// Without its colours a file can be edited as well.
		loaders[language]().then((found) => view.dispatch({ effects: colouring.reconfigure(found) }), () => {});
	}
	return { text: () => view.state.sliceDoc(), focus: () => view.focus(), destroy: () => view.destroy() };
}
