import { describe, expect, it } from 'vitest';
import { frameAddress, isForeign, isSameSite, problemOfPort, stateOf } from './ports';

describe('ports', () => {
	it('are numbers', () => {
		expect(problemOfPort('3000')).toBeNull();
		for (const wrong of ['', '0', '65536', '3e3', '-1', 'http']) expect(problemOfPort(wrong)).toMatch(/1 to 65535/);
		expect(problemOfPort('49983')).toMatch(/agent/);
	});
	it('have a state', () => {
		const port = { port: 1, addresses: ['127.0.0.1'], reachable: true, public: false, url: '', path_url: '' };
		expect(stateOf(port).label).toBe('Listens');
		expect(stateOf({ ...port, reachable: false }).tone).toBe('warn');
		expect(stateOf({ ...port, addresses: [] }).label).toBe('Nothing listens');
	});
	it('need a cookie in a frame unless they are public', () => {
		const local = { url: 'http://80-cl-1.localhost:8081/', path_url: 'http://127.0.0.1:8081/proxy/cl-1/80/' };
		expect(frameAddress(local, false, '127.0.0.1')).toBe(local.path_url);
		expect(frameAddress(local, true, '127.0.0.1')).toBe(local.url);
		expect(frameAddress(local, false, 'localhost')).toBeNull();
		const hosted = { url: 'https://80-cl-1.apps.example.com/', path_url: 'https://apps.example.com/proxy/cl-1/80/' };
		expect(frameAddress(hosted, false, 'wrenn.example.com')).toBe(hosted.url);
		expect(frameAddress(hosted, false, 'example.com')).toBe(hosted.url);
		expect(isSameSite('10.0.0.1', '20.0.0.1')).toBe(false);
		expect(isSameSite('80-cl-1.localhost', 'localhost')).toBe(false);
	});
	it('are shown in a frame only where they are another origin', () => {
		expect(isForeign('http://3000-cl-1.localhost:8081/', 'http://localhost:8080')).toBe(true);
		expect(isForeign('http://localhost:8080/dashboard', 'http://localhost:8080')).toBe(false);
		expect(isForeign('javascript:alert(1)', 'http://localhost:8080')).toBe(false);
		expect(isForeign('', 'http://localhost:8080')).toBe(false);
	});
});
