import { expect, it } from 'vitest';
import { MOST_FILES, droppedOf, sourcesOf } from './drop';

const fileEntry = (name: string) => ({ name, isFile: true, file: (take: (file: File) => void) => take(new File(['x'], name)) }) as unknown as FileSystemEntry;
/** As browsers do, it hands out a few at a time. */
function folderEntry(name: string, children: FileSystemEntry[], atOnce = 2): FileSystemEntry {
	const rest = [...children];
	return { name, isFile: false, createReader: () => ({ readEntries: (take: (some: FileSystemEntry[]) => void) => take(rest.splice(0, atOnce)) }) } as unknown as FileSystemEntry;
}

it('finds everything in a folder that was dropped', async () => {
	const tree = folderEntry('app', [fileEntry('a'), folderEntry('src', [fileEntry('b'), fileEntry('c'), fileEntry('d')]), fileEntry('e')]);
	const found = await sourcesOf([tree, fileEntry('f')], '/srv');
	expect(found.map((one) => one.path)).toEqual(['/srv/app/a', '/srv/app/src/b', '/srv/app/src/c', '/srv/app/src/d', '/srv/app/e', '/srv/f']);
});

it('takes files that are in no file system, too', async () => {
	const file = new File(['x'], 'picture.png');
	const items = [
		{ kind: 'string', webkitGetAsEntry: () => null, getAsFile: () => null },
		{ kind: 'file', webkitGetAsEntry: () => null, getAsFile: () => file }
	];
	const found = await sourcesOf(droppedOf({ items } as unknown as DataTransfer), '/');
	expect(found).toEqual([{ file, path: '/picture.png' }]);
});

it('says when there are too many', async () => {
	const many = folderEntry('many', Array.from({ length: MOST_FILES + 1 }, (_, index) => fileEntry(`f${index}`)), 100);
	await expect(sourcesOf([many], '/')).rejects.toThrow(/10,000 files/);
});
