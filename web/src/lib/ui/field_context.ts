// How a Field tells the input in it its id, and what describes it.
import { getContext, setContext } from 'svelte';

export interface FieldContext {
	readonly id: string;
	readonly describedBy: string | undefined;
	readonly invalid: boolean;
	readonly required: boolean;
}

const KEY = Symbol('field');
export const provideField = (field: FieldContext) => setContext(KEY, field);
export const currentField = () => getContext<FieldContext | undefined>(KEY);
