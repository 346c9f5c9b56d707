// Channels: what each provider needs, and what it is told of.
import type { Schemas } from '$lib/api/client';

export type Channel = Schemas['Channel'];
export type Provider = Schemas['Provider'];
export type ChannelEvent = Schemas['ChannelEvent'];
export type Delivery = Schemas['Delivery'];

interface ConfigField {
	id: string;
	label: string;
	hint?: string;
	secret?: boolean;
	optional?: boolean;
	url?: boolean;
}
export interface ProviderInfo {
	id: Provider;
	label: string;
	text: string;
	fields: ConfigField[];
}

const hook = (hint: string): ConfigField[] => [{ id: 'webhook_url', label: 'Webhook address', hint, url: true, secret: true }];

export const PROVIDERS: readonly ProviderInfo[] = [
	{
		id: 'webhook',
		label: 'Webhook',
		text: 'Signed requests to a server of yours.',
		fields: [
			{ id: 'url', label: 'Address', hint: 'https, and public.', url: true },
			{ id: 'secret', label: 'Secret', hint: 'Signs what is sent. Made for you when left empty.', secret: true, optional: true }
		]
	},
	{ id: 'slack', label: 'Slack', text: 'Messages in a channel.', fields: hook('Of an incoming webhook of your Slack app.') },
	{ id: 'discord', label: 'Discord', text: 'Messages in a channel.', fields: hook('In the settings of the channel, under Integrations.') },
	{ id: 'teams', label: 'Microsoft Teams', text: 'Messages in a channel.', fields: hook('Of a workflow that posts what it gets by a webhook.') },
	{ id: 'googlechat', label: 'Google Chat', text: 'Messages in a space.', fields: hook('In the space, under Apps & integrations.') },
	{
		id: 'telegram',
		label: 'Telegram',
		text: 'Messages by a bot of yours.',
		fields: [
			{ id: 'bot_token', label: 'Token of the bot', hint: 'BotFather gives it.', secret: true },
			{ id: 'chat_id', label: 'Chat', hint: 'Its number, or @name of a channel.' }
		]
	},
	{
		id: 'matrix',
		label: 'Matrix',
		text: 'Messages in a room.',
		fields: [
			{ id: 'homeserver_url', label: 'Homeserver', hint: 'https://matrix.example.com', url: true },
			{ id: 'access_token', label: 'Access token', hint: 'Of the user who writes.', secret: true },
			{ id: 'room_id', label: 'Room', hint: '!abc:example.com' }
		]
	}
];
export const infoOf = (provider: Provider) => PROVIDERS.find((one) => one.id === provider) ?? PROVIDERS[0]!;

export const EVENTS: readonly { id: ChannelEvent; label: string }[] = [
	{ id: 'capsule.created', label: 'A sandbox was created' },
	{ id: 'capsule.running', label: 'A sandbox was resumed' },
	{ id: 'capsule.paused', label: 'A sandbox was paused' },
	{ id: 'capsule.destroyed', label: 'A sandbox is gone' },
	{ id: 'template.snapshot.created', label: 'A template was made' },
	{ id: 'template.snapshot.deleted', label: 'A template was deleted' },
	{ id: 'host.up', label: 'A host is back' },
	{ id: 'host.down', label: 'A host is silent' }
];

/** What goes to the API: without what was left empty. */
export function configOf(provider: Provider, typed: Record<string, string>): Record<string, string> {
	const filled = infoOf(provider).fields.map((field) => [field.id, (typed[field.id] ?? '').trim()] as const);
	return Object.fromEntries(filled.filter(([, value]) => value !== ''));
}

/** By field: what is wrong with it before it is sent. */
export function configProblems(provider: Provider, typed: Record<string, string>): Record<string, string> {
	const problems: Record<string, string> = {};
	for (const field of infoOf(provider).fields) {
		const value = (typed[field.id] ?? '').trim();
		if (!value && !field.optional) problems[field.id] = 'This is needed.';
		else if (value && field.url && !/^https?:\/\/[^\s/]+/.test(value)) problems[field.id] = 'An address begins with https://.';
	}
	return problems;
}

/** "200", "timed out": how the last try ended. */
export function outcomeOf(delivery: Delivery): string {
	if (delivery.error) return delivery.error;
	return delivery.response_status ? `answered ${delivery.response_status}` : '';
}
