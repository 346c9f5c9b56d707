// What logging in and signing up share.
import { ask, open } from './api/client';

const PROVIDER_NAMES: Record<string, string> = { github: 'GitHub' };
export const providerName = (provider: string) => PROVIDER_NAMES[provider] ?? provider;

/** By way of whom one can log in; none when that cannot be told, as a password will do. */
export async function providers(): Promise<string[]> {
	try {
		return (await ask(open.GET('/v1/auth/providers'))).providers;
	} catch {
		return [];
	}
}

/** Where the browser goes to log in, or to sign up, by way of a provider. */
export function providerAddress(provider: string, intent: 'login' | 'signup', invitation = ''): string {
	const query = new URLSearchParams(intent === 'signup' ? { intent } : {});
	if (intent === 'signup' && invitation) query.set('invitation', invitation);
	const text = query.toString();
	return `/auth/oauth/${encodeURIComponent(provider)}${text ? `?${text}` : ''}`;
}

const REASONS: Record<string, string> = {
	access_denied: 'You did not agree at {provider}. Try again, or use a password.',
	invalid_state: 'This login was begun in another browser, was used before, or took more than ten minutes. Try again.',
	missing_code: '{provider} did not say who you are. Try again.',
	exchange_failed: '{provider} did not say who you are. Try again in a moment.',
	too_many_attempts: 'Too many logins from this address were no good. Wait a while, then try again.',
	no_account: 'Nobody here is linked to this {provider} account. Sign up with {provider} to make an account.',
	email_taken: 'Your address has an account already. Log in by password, then link {provider} in the settings.',
	no_verified_email: 'Your {provider} account has no verified primary address. Verify one there, then try again.',
	signup_closed: 'One needs an invitation to sign up here. Ask somebody in a team for one.',
	invalid_invitation: 'This invitation is no good any more, or was sent to another address. Ask for a new one.',
	account_deactivated: 'An administrator has disabled this account. Ask them about it.',
	already_linked: 'That {provider} account belongs to another user, or you have one linked already.'
};

/** Of an `error` in the address of the page where a provider's login comes back. */
export function providerError(error: string, provider: string): string {
	const reason = REASONS[error] ?? 'The login did not go through. Try again; if that does not help, ask whoever runs this Wrenn to look into its log.';
	return reason.replaceAll('{provider}', providerName(provider));
}

/** What is wrong with a password before it is sent. */
export function passwordProblem(password: string, again: string): string {
	if (new TextEncoder().encode(password).length < 8) return 'Use at least 8 characters.';
	if (password !== again) return 'The two are not the same.';
	return '';
}
