import { expect, it } from 'vitest';
import { deviceName } from './device';

it('names browsers by what they say of themselves', () => {
	expect(deviceName('Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0')).toBe('Firefox on Linux');
	expect(deviceName('Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0')).toBe('Edge on Windows');
	expect(deviceName('Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1')).toBe('Safari on iOS');
	expect(deviceName('curl/8.5.0')).toBe('curl');
	expect(deviceName('')).toBe('Unknown browser');
	expect(deviceName('something else')).toBe('something else');
});
