// Who is logged in, and in which team they work. One of it; pages read its fields, which are reactive.
import { accept, api, ask, forget, listen, open, refresh } from './api/client';
import type { Login, Schemas } from './api/client';
import { asApiError } from './api/errors';

// Says that asking for a session is worth while. No secret: the session is in a cookie that no script sees.
const HINT = 'wrenn_session_hint';

function hint(isIn?: boolean): boolean {
	try {
		if (isIn === true) localStorage.setItem(HINT, '1');
		if (isIn === false) localStorage.removeItem(HINT);
		return localStorage.getItem(HINT) !== null;
	} catch {
		// A browser that keeps nothing: one asks each time.
		return true;
	}
}

export type Team = Schemas['OwnTeam'];
export interface User {
	id: string;
	email: string;
	name: string;
	isAdmin: boolean;
}

class Session {
	user = $state.raw<User | null>(null);
	/** The id of the team that is worked in. */
	teamId = $state('');
	role = $state<Login['role']>('member');
	teams = $state.raw<Team[]>([]);
	/** Why the login page is shown to somebody who was inside. */
	ended = $state(false);

	readonly team = $derived(this.teams.find((team) => team.id === this.teamId) ?? null);
	/** May change the team, its members, keys and hosts. */
	readonly managesTeam = $derived(this.role !== 'member');

	constructor() {
		listen(
			(login) => this.take(login),
			() => {
				this.ended = this.user !== null;
				this.clear();
			}
		);
	}

	/** Whether somebody is logged in: now, or by the cookie of an earlier visit. `always`: also where this browser does not
	 * remember a visit, as a provider of identity may have brought the cookie. Throws ApiError when that cannot be told. */
	async restore(always = false): Promise<boolean> {
		if (this.user) return true;
		if (!always && !hint()) return false;
		try {
			await refresh();
		} catch (thrown) {
			const error = asApiError(thrown);
			if (error.status === 401 || error.status === 403) {
				hint(false);
				return false;
			}
			throw error;
		}
		await this.loadTeams();
		return true;
	}

	async logIn(email: string, password: string) {
		await this.enter(await ask(open.POST('/v1/auth/login', { body: { email, password } })));
	}

	/** Takes a login that came otherwise: by the link in a mail, or a provider. */
	async enter(login: Login) {
		accept(login);
		this.ended = false;
		await this.loadTeams();
	}

	async logOut() {
		try {
			await ask(api.POST('/v1/auth/logout'));
		} finally {
			this.clear();
		}
	}

	async switchTeam(id: string) {
		accept(await ask(api.POST('/v1/auth/switch-team', { body: { team_id: id } })));
		await this.loadTeams();
	}

	/** Goes on in another team, when the one that was worked in was left or deleted. */
	async moveOn() {
		await refresh();
		await this.loadTeams();
	}

	async loadTeams() {
		this.teams = await ask(api.GET('/v1/teams'));
	}

	private take(login: Login) {
		const user = { id: login.user_id, email: login.email, name: login.name, isAdmin: login.is_admin };
		// Every quarter of an hour there is a new token, of whom nothing has changed: pages need not know.
		if (JSON.stringify(user) !== JSON.stringify(this.user)) this.user = user;
		this.teamId = login.team_id;
		this.role = login.role;
		hint(true);
	}

	private clear() {
		hint(false);
		forget();
		this.user = null;
		this.teamId = '';
		this.teams = [];
	}
}

export const session = new Session();
