import { render, screen } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { createRawSnippet } from 'svelte';
import { describe, expect, it, vi } from 'vitest';
import Button from './Button.svelte';
import ErrorNotice from './ErrorNotice.svelte';
import Menu from './Menu.svelte';
import Select from './Select.svelte';
import Switch from './Switch.svelte';
import Table from './Table.svelte';
import Tabs from './Tabs.svelte';
import Time from './Time.svelte';
import { ApiError } from '../api/errors';
import type { Column } from './table';

const text = (words: string) => createRawSnippet(() => ({ render: () => `<span>${words}</span>` }));

describe('a button', () => {
	it('takes no clicks while something is under way', async () => {
		const onclick = vi.fn();
		const { rerender } = render(Button, { children: text('Save'), onclick, loading: true });
		await userEvent.click(screen.getByRole('button', { name: 'Save' }));
		expect(onclick).not.toHaveBeenCalled();
		await rerender({ loading: false });
		await userEvent.click(screen.getByRole('button', { name: 'Save' }));
		expect(onclick).toHaveBeenCalledOnce();
	});
	it('is a link where it has an address', () => {
		render(Button, { children: text('Go'), href: '/there' });
		expect(screen.getByRole('link', { name: 'Go' })).toHaveAttribute('href', '/there');
	});
});

describe('a switch', () => {
	it('says what it is, and what it became', async () => {
		const onchange = vi.fn();
		render(Switch, { label: 'Public', hint: 'Everybody sees it.', onchange });
		const control = screen.getByRole('switch', { name: 'Public' });
		expect(control).toHaveAccessibleDescription('Everybody sees it.');
		await userEvent.click(control);
		expect(control).toHaveAttribute('aria-checked', 'true');
		expect(onchange).toHaveBeenCalledWith(true);
	});
});

describe('an error', () => {
	it('says what happened and what to do', async () => {
		const retry = vi.fn();
		render(ErrorNotice, { error: new ApiError('no_hosts_available', 'no host has room', 503, 'destroy a sandbox'), title: 'It was not created', retry });
		expect(screen.getByRole('alert')).toHaveTextContent('It was not created');
		expect(screen.getByRole('alert')).toHaveTextContent('No host has room. Destroy a sandbox.');
		await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
		expect(retry).toHaveBeenCalledOnce();
	});
});

describe('tabs', () => {
	it('are walked through by arrow keys', async () => {
		const onchange = vi.fn();
		const tabs = [
			{ id: 'one', label: 'One' },
			{ id: 'two', label: 'Two' }
		];
		render(Tabs, { value: 'one', tabs, label: 'Parts', onchange, children: text('inside') as never });
		screen.getByRole('tab', { name: 'One' }).focus();
		await userEvent.keyboard('{ArrowRight}');
		expect(screen.getByRole('tab', { name: 'Two' })).toHaveFocus();
		expect(screen.getByRole('tab', { name: 'Two' })).toHaveAttribute('aria-selected', 'true');
		await userEvent.keyboard('{ArrowRight}');
		expect(screen.getByRole('tab', { name: 'One' })).toHaveFocus();
		expect(onchange.mock.calls).toEqual([['two'], ['one']]);
	});
});

describe('a table', () => {
	interface Row {
		id: string;
		size: number;
	}
	const columns: Column<Row>[] = [
		{ id: 'id', label: 'Id', sortBy: (row) => row.id },
		{ id: 'size', label: 'Size', sortBy: (row) => row.size, align: 'right' }
	];
	const rows: Row[] = [
		{ id: 'a', size: 30 },
		{ id: 'b', size: 4 }
	];
	const cell = createRawSnippet<[Row, Column<Row>]>((row, column) => ({ render: () => `<span>${String(row()[column().id as keyof Row])}</span>` }));
	const ids = () => screen.getAllByRole('row').slice(1).map((row) => row.textContent?.trim().charAt(0));

	it('is sorted by its heads', async () => {
		render(Table, { label: 'Things', columns, rows, rowId: (row: Row) => row.id, cell } as never);
		expect(ids()).toEqual(['a', 'b']);
		await userEvent.click(screen.getByRole('button', { name: 'Size' }));
		expect(ids()).toEqual(['b', 'a']);
		expect(screen.getByRole('columnheader', { name: 'Size' })).toHaveAttribute('aria-sort', 'ascending');
	});
	it('is used by keyboard', async () => {
		const onopen = vi.fn();
		render(Table, { label: 'Things', columns, rows, rowId: (row: Row) => row.id, cell, onopen, selectable: true } as never);
		const [, first, second] = screen.getAllByRole('row');
		expect(first).toHaveAttribute('tabindex', '0');
		first!.focus();
		await userEvent.keyboard('{ArrowDown}');
		expect(second).toHaveFocus();
		await userEvent.keyboard(' ');
		expect(screen.getByRole('checkbox', { name: 'Choose b' })).toBeChecked();
		await userEvent.keyboard('{Enter}');
		expect(onopen).toHaveBeenCalledWith(rows[1]);
		await userEvent.click(screen.getByRole('checkbox', { name: 'Choose all' }));
		expect(screen.getByRole('checkbox', { name: 'Choose a' })).toBeChecked();
	});
	it('has lines that stand in while the first rows come', () => {
		render(Table, { label: 'Things', columns, rows: [], rowId: (row: Row) => row.id, cell, loading: true } as never);
		expect(screen.getByRole('table', { name: 'Things' })).toHaveAttribute('aria-busy', 'true');
		expect(screen.getAllByRole('row')).toHaveLength(6);
	});
	it('has something else in its place without rows', () => {
		render(Table, { label: 'Things', columns, rows: [], rowId: (row: Row) => row.id, cell, empty: text('Nothing yet') } as never);
		expect(screen.queryByRole('table')).toBeNull();
		expect(screen.getByText('Nothing yet')).toBeInTheDocument();
	});
});

describe('a menu', () => {
	it('runs what is chosen, also when two are called the same', async () => {
		const chosen: number[] = [];
		const items = [0, 1].map((index) => ({ label: 'Night shift', onselect: () => chosen.push(index) }));
		render(Menu, { items, label: 'Teams' });
		screen.getByRole('button', { name: 'Teams' }).focus();
		await userEvent.keyboard('{Enter}');
		// There is no layout here, so it stays out of sight.
		const shown = await screen.findAllByText('Night shift');
		expect(shown).toHaveLength(2);
		await userEvent.setup({ pointerEventsCheck: 0 }).click(shown[1]!);
		expect(chosen).toEqual([1]);
	});
});

describe('a choice', () => {
	it('keeps the kind of its values', async () => {
		render(Select, { value: 1, options: [{ value: 1, label: 'One' }, { value: 2, label: 'Two' }], 'aria-label': 'Number' } as never);
		await userEvent.selectOptions(screen.getByRole('combobox', { name: 'Number' }), 'Two');
		expect(screen.getByRole('combobox', { name: 'Number' })).toHaveDisplayValue('Two');
	});
});

describe('a time', () => {
	it('says how long ago, and exactly for those who ask', () => {
		render(Time, { at: Date.now() - 3_700_000 });
		const shown = screen.getByText(/1 hr\. ago/);
		expect(shown.tagName).toBe('TIME');
		expect(shown).toHaveTextContent(/\d{1,2} \w+ \d{4}/);
	});
	it('says when there is none', () => {
		render(Time, { at: undefined, none: 'never' });
		expect(screen.getByText('never')).toBeInTheDocument();
	});
});
