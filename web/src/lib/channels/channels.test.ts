import { describe, expect, it } from 'vitest';
import { EVENTS, PROVIDERS, configOf, configProblems, outcomeOf } from './channels';
import type { Delivery } from './channels';

describe('channels', () => {
	it('knows all providers and events of the API', () => {
		expect(PROVIDERS.map((one) => one.id).sort()).toEqual(['discord', 'googlechat', 'matrix', 'slack', 'teams', 'telegram', 'webhook']);
		expect(new Set(EVENTS.map((one) => one.id)).size).toBe(8);
	});
	it('sends what the provider takes, and nothing of another', () => {
		expect(configOf('webhook', { url: ' https://a.example ', secret: '', webhook_url: 'x' })).toEqual({ url: 'https://a.example' });
		expect(configOf('telegram', { bot_token: 't', chat_id: '1' })).toEqual({ bot_token: 't', chat_id: '1' });
	});
	it('says what is missing', () => {
		expect(configProblems('webhook', { url: 'https://a.example' })).toEqual({});
		expect(Object.keys(configProblems('matrix', { homeserver_url: 'matrix' }))).toEqual(['homeserver_url', 'access_token', 'room_id']);
	});
	it('says how a try ended', () => {
		const delivery = { attempts: 1 } as Delivery;
		expect(outcomeOf(delivery)).toBe('');
		expect(outcomeOf({ ...delivery, response_status: 503 })).toBe('answered 503');
		expect(outcomeOf({ ...delivery, response_status: 503, error: 'timed out' })).toBe('timed out');
	});
});
