import { describe, expect, it } from 'vitest';
import { crumbsOf, isWithin, join, nameOf, normalize, parentOf, problemOfName, resolve } from './paths';

describe('paths', () => {
	it('are made plain', () => {
		expect(normalize('/a//b/./c/../d/')).toBe('/a/b/d');
		expect(normalize('')).toBe('/');
		expect(normalize('/../..')).toBe('/');
	});
	it('are taken apart and put together', () => {
		expect(join('/', 'a b')).toBe('/a b');
		expect(join('/a', 'b/c')).toBe('/a/b/c');
		expect(parentOf('/a/b')).toBe('/a');
		expect(parentOf('/')).toBe('/');
		expect(nameOf('/a/b.txt')).toBe('b.txt');
		expect(nameOf('/')).toBe('/');
	});
	it('have crumbs', () => {
		expect(crumbsOf('/home/user')).toEqual([
			{ name: '/', path: '/' },
			{ name: 'home', path: '/home' },
			{ name: 'user', path: '/home/user' }
		]);
		expect(crumbsOf('/')).toHaveLength(1);
	});
	it('may be typed in part', () => {
		expect(resolve('~/x', '/etc', '/home/user')).toBe('/home/user/x');
		expect(resolve('../tmp', '/etc', '/home/user')).toBe('/tmp');
		expect(resolve(' /var/log/ ', '/etc', '/home/user')).toBe('/var/log');
		expect(resolve('~other', '/etc', '/home/user')).toBe('/etc/~other');
	});
	it('are within folders, not beside them', () => {
		expect(isWithin('/a/b', '/a')).toBe(true);
		expect(isWithin('/ab', '/a')).toBe(false);
		expect(isWithin('/a', '/')).toBe(true);
	});
	it('have names with limits', () => {
		expect(problemOfName('notes.txt')).toBeNull();
		expect(problemOfName('..')).toMatch(/folders/);
		expect(problemOfName('a/b')).toMatch(/no “\/”/);
		expect(problemOfName('')).toMatch(/name/);
		expect(problemOfName('ü'.repeat(128))).toMatch(/255/);
		expect(problemOfName('a', new Set(['a']))).toMatch(/already/);
	});
});
