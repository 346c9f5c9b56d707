// What was dropped: files, and folders with everything in them.
import { join } from './paths';
import type { Source } from './upload';

export const MOST_FILES = 10_000;

/** Either an entry of a file system, or a file that is in none, such as an image from another page. */
export type Dropped = FileSystemEntry | File;

/** Has to be called within the event, after which the browser forgets what was dropped. */
export function droppedOf(transfer: DataTransfer): Dropped[] {
	return [...transfer.items].flatMap((item) => (item.kind === 'file' ? (item.webkitGetAsEntry() ?? item.getAsFile() ?? []) : []));
}

/** Throws when there are more than MOST_FILES. */
export async function sourcesOf(dropped: readonly Dropped[], folder: string): Promise<Source[]> {
	const found: Source[] = [];
	for (const one of dropped) {
		if (one instanceof File) found.push({ file: one, path: join(folder, one.name) });
		else await collect(one, folder, found);
	}
	return found;
}

async function collect(entry: FileSystemEntry, folder: string, found: Source[]) {
	const path = join(folder, entry.name);
	if (entry.isFile) {
		if (found.length >= MOST_FILES) throw new Error(`there are more than ${MOST_FILES.toLocaleString('en')} files; pack them and upload the archive`);
		const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
		found.push({ file, path });
		return;
	}
	const reader = (entry as FileSystemDirectoryEntry).createReader();
	for (;;) {
		// A browser hands out a hundred at a time.
		const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
		if (some.length === 0) return;
		for (const one of some) await collect(one, path, found);
	}
}

/** Of an <input type=file>, whose folders are in the names. */
export function sourcesOfInput(files: FileList, folder: string): Source[] {
	return [...files].map((file) => ({ file, path: join(folder, file.webkitRelativePath || file.name) }));
}
