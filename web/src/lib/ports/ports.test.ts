import { describe, expect, it } from 'vitest';
import { isForeign, problemOfPort, stateOf } from './ports';

describe('ports', () => {
	it('are numbers', () => {
		expect(problemOfPort('3000')).toBeNull();
		for (const wrong of ['', '0', '65536', '3e3', '-1', 'http']) expect(problemOfPort(wrong)).toMatch(/1 to 65535/);
		expect(problemOfPort('49983')).toMatch(/agent/);
	});
	it('have a state', () => {
		const port = { port: 1, addresses: ['127.0.0.1'], reachable: true, public: false, url: '', path_url: '' };
		expect(stateOf(port).label).toBe('listens');
		expect(stateOf({ ...port, reachable: false }).tone).toBe('warn');
		expect(stateOf({ ...port, addresses: [] }).label).toBe('nothing listens');
	});
	it('are shown in a frame only where they are another origin', () => {
		expect(isForeign('http://3000-cl-1.localhost:8081/', 'http://localhost:8080')).toBe(true);
		expect(isForeign('http://localhost:8080/dashboard', 'http://localhost:8080')).toBe(false);
		expect(isForeign('javascript:alert(1)', 'http://localhost:8080')).toBe(false);
		expect(isForeign('', 'http://localhost:8080')).toBe(false);
	});
});
