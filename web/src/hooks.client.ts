import type { HandleClientError } from '@sveltejs/kit';
import { describe } from '$lib/api/errors';

// What a page could not do, in the words of the error page. An address that is none is no defect.
export const handleError: HandleClientError = ({ error, status, message }) => {
	if (status === 404) return { message };
	console.error(error);
	return { message: describe(error) };
};
