// People, their teams, their sessions and what is sent to them.
#include <string>

#include <gtest/gtest.h>

#include "base/id.h"
#include "db/api_key_store.h"
#include "db/failed_login_store.h"
#include "db/one_time_token_store.h"
#include "db/session_store.h"
#include "db/team_store.h"
#include "db/test_database.h"
#include "db/user_store.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::Secret;

constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kDayMs = 24 * 60 * kMinuteMs;

class AccountStoreTest : public testing::Test {
 protected:
  User active(const std::string& name) {
    return users_
        .create({.email = name + "@example.com",
                 .name = name,
                 .password_hash = Secret("hash"),
                 .status = UserStatus::kActive})
        .value();
  }
  User inactive(const std::string& name) {
    return users_
        .create({.email = name + "@example.com",
                 .name = name,
                 .password_hash = Secret("hash"),
                 .status = UserStatus::kInactive})
        .value();
  }

  TestDatabase test_;
  UserStore users_{test_.database, test_.clock()};
  TeamStore teams_{test_.database, test_.clock()};
  SessionStore sessions_{test_.database, test_.clock()};
  OneTimeTokenStore tokens_{test_.database, test_.clock()};
  FailedLoginStore failed_{test_.database, test_.clock()};
  ApiKeyStore keys_{test_.database, test_.clock()};
};

TEST_F(AccountStoreTest, TheFirstActiveUserIsAdministrator) {
  const User waiting = inactive("waiting");
  EXPECT_FALSE(waiting.is_admin);
  const User other = inactive("other");
  EXPECT_TRUE(users_.activate(other.id).value());
  EXPECT_FALSE(users_.activate(other.id).value()) << "twice";
  EXPECT_TRUE(users_.get(other.id)->is_admin);
  EXPECT_TRUE(users_.activate(waiting.id).value());
  EXPECT_FALSE(users_.get(waiting.id)->is_admin);
  EXPECT_FALSE(active("third").is_admin);
}

TEST_F(AccountStoreTest, AnAddressBelongsToOneUserUntilTheyAreGone) {
  const User first = active("ann");
  const NewUser again{.email = "ann@example.com", .name = "Ann", .password_hash = {}};
  EXPECT_EQ(users_.create(again).error().code, Code::kAlreadyExists);
  EXPECT_EQ(users_.find_by_email("ann@example.com")->id, first.id);
  EXPECT_EQ(users_.find_by_email("Ann@example.com").error().code, Code::kNotFound);
  ASSERT_TRUE(users_.remove(first.id));
  EXPECT_EQ(users_.get(first.id).error().code, Code::kNotFound);
  EXPECT_EQ(users_.find_by_email("ann@example.com").error().code, Code::kNotFound);
  EXPECT_TRUE(users_.create(again));
}

TEST_F(AccountStoreTest, WhoSignsUpAgainBeforeActivatingReplacesWhatTheySaid) {
  const User user = inactive("bea");
  EXPECT_TRUE(users_.sign_up_again(user.id, "Beatrice", Secret("new")).value());
  EXPECT_EQ(users_.get(user.id)->name, "Beatrice");
  EXPECT_EQ(users_.get(user.id)->password_hash.reveal(), "new");
  ASSERT_TRUE(users_.activate(user.id));
  EXPECT_FALSE(users_.sign_up_again(user.id, "Eve", Secret("evil")).value());
  EXPECT_EQ(users_.get(user.id)->name, "Beatrice");
}

TEST_F(AccountStoreTest, UsersAreFoundByTheBeginningOfTheirAddress) {
  active("carl");
  active("carla");
  inactive("carlo");
  active("d%");
  EXPECT_EQ(users_.search("carl", 10)->size(), 2u);
  EXPECT_EQ(users_.search("carl", 1)->size(), 1u);
  EXPECT_EQ(users_.search("%", 10)->size(), 0u) << "no pattern";
  EXPECT_EQ(users_.list("", 10)->size(), 4u);
  const auto first = users_.list("", 3).value();
  EXPECT_EQ(users_.list(first.back().id, 3)->size(), 1u);
}

TEST_F(AccountStoreTest, DisablingIsForActiveOnes) {
  const User user = active("dora");
  EXPECT_TRUE(users_.set_enabled(user.id, false).value());
  EXPECT_EQ(users_.get(user.id)->status, UserStatus::kDisabled);
  EXPECT_TRUE(users_.set_enabled(user.id, true).value());
  EXPECT_FALSE(users_.set_enabled(inactive("emil").id, true).value()) << "no way around activation";
}

TEST_F(AccountStoreTest, ATeamHasOneOwner) {
  const User owner = active("ann");
  const User member = active("bob");
  const Team team = teams_.create("Ann's Team", owner.id).value();
  EXPECT_TRUE(base::is_id(base::kTeamPrefix, team.id));
  EXPECT_EQ(team.slug.size(), 13u);
  EXPECT_EQ(teams_.role_of(team.id, owner.id).value(), Role::kOwner);
  EXPECT_EQ(teams_.role_of(team.id, member.id).value(), std::nullopt);
  ASSERT_TRUE(teams_.add_member(team.id, member.id, Role::kMember));
  EXPECT_EQ(teams_.add_member(team.id, member.id, Role::kAdmin).error().code, Code::kAlreadyExists);
  EXPECT_TRUE(teams_.set_role(team.id, member.id, Role::kAdmin).value());
  EXPECT_FALSE(teams_.set_role(team.id, owner.id, Role::kMember).value());
  EXPECT_FALSE(teams_.remove_member(team.id, owner.id).value());
  EXPECT_EQ(teams_.members(team.id)->size(), 2u);
  EXPECT_EQ(users_.remove(owner.id).error().code, Code::kFailedPrecondition);
  EXPECT_FALSE(teams_.hand_over(team.id, member.id, owner.id).value());
  EXPECT_EQ(teams_.role_of(team.id, owner.id).value(), Role::kOwner) << "nothing was changed";
  EXPECT_TRUE(teams_.hand_over(team.id, owner.id, member.id).value());
  EXPECT_EQ(teams_.role_of(team.id, owner.id).value(), Role::kAdmin);
  EXPECT_EQ(teams_.role_of(team.id, member.id).value(), Role::kOwner);
  EXPECT_EQ(teams_.of_user(owner.id)->front().role, Role::kAdmin);
}

TEST_F(AccountStoreTest, WhoLeavesATeamLeavesTheirKeys) {
  const User owner = active("ann");
  const User member = active("bob");
  const Team team = teams_.create("Two", owner.id).value();
  ASSERT_TRUE(teams_.add_member(team.id, member.id, Role::kMember));
  const auto theirs = keys_.create(team.id, {.name = "b", .created_by = member.id}).value();
  const auto others = keys_.create(team.id, {.name = "a", .created_by = owner.id}).value();
  EXPECT_EQ(keys_.list(team.id)->front().creator_email.empty(), false);
  EXPECT_TRUE(teams_.remove_member(team.id, member.id).value());
  EXPECT_FALSE(keys_.verify(theirs.text.reveal()));
  EXPECT_TRUE(keys_.verify(others.text.reveal()));
}

TEST_F(AccountStoreTest, ADeletedTeamIsNobodysAndItsKeysAreNoGood) {
  const User owner = active("ann");
  const Team team = teams_.create("Gone", owner.id).value();
  const auto key = keys_.create(team.id, {.name = "k"}).value();
  EXPECT_TRUE(teams_.remove(team.id).value());
  EXPECT_FALSE(teams_.remove(team.id).value());
  EXPECT_EQ(teams_.get(team.id).error().code, Code::kNotFound);
  EXPECT_TRUE(teams_.of_user(owner.id)->empty());
  EXPECT_FALSE(keys_.verify(key.text.reveal()));
  EXPECT_EQ(keys_.create(team.id, {.name = "k"}).error().code, Code::kNotFound);
  EXPECT_EQ(teams_.add_member(team.id, owner.id, Role::kOwner).error().code, Code::kAlreadyExists);
}

TEST_F(AccountStoreTest, AKeyIsAsGoodAsWhoMadeIt) {
  const User user = active("ann");
  const auto key = keys_.create(kDefaultTeam, {.name = "k", .created_by = user.id}).value();
  ASSERT_TRUE(users_.set_enabled(user.id, false));
  EXPECT_EQ(keys_.verify(key.text.reveal()).error().code, Code::kUnauthenticated);
  ASSERT_TRUE(users_.set_enabled(user.id, true));
  EXPECT_TRUE(keys_.verify(key.text.reveal()));
}

TEST_F(AccountStoreTest, KeysExpireAndKnowTheirScopes) {
  const auto key = keys_
                       .create(kDefaultTeam, {.name = "ci",
                                              .scopes = {"sandboxes:read", "templates:read"},
                                              .expires_at = test_.now + kMinuteMs})
                       .value();
  const auto owner = keys_.verify(key.text.reveal()).value();
  EXPECT_EQ(owner.scopes, (std::vector<std::string>{"sandboxes:read", "templates:read"}));
  EXPECT_EQ(keys_.list(kDefaultTeam)->front().expires_at, test_.now + kMinuteMs);
  test_.now += kMinuteMs;
  EXPECT_EQ(keys_.verify(key.text.reveal()).error().code, Code::kUnauthenticated);
}

TEST_F(AccountStoreTest, ASessionKnowsWhoTheyAreAtThisMoment) {
  const User user = active("ann");
  const Team team = teams_.create("One", user.id).value();
  const Team second = teams_.create("Two", user.id).value();
  const auto made = sessions_.start(user.id, team.id, {"Browser", "192.0.2.1"}).value();
  auto found = sessions_.find_user(made.id, team.id).value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->email, "ann@example.com");
  EXPECT_EQ(found->role, Role::kOwner);
  EXPECT_TRUE(found->is_enabled && found->is_admin);
  EXPECT_EQ(sessions_.find_user(made.id, kDefaultTeam)->value().role, std::nullopt);
  ASSERT_TRUE(users_.set_enabled(user.id, false));
  EXPECT_FALSE(sessions_.find_user(made.id, team.id)->value().is_enabled);
  ASSERT_TRUE(teams_.remove(second.id));
  EXPECT_EQ(sessions_.find_user(made.id, second.id)->value().role, std::nullopt);
  EXPECT_EQ(sessions_.list(user.id)->front().origin.user_agent, "Browser");
  EXPECT_TRUE(sessions_.end(user.id, made.id).value());
  EXPECT_FALSE(sessions_.end(user.id, made.id).value());
  EXPECT_EQ(sessions_.find_user(made.id, team.id).value(), std::nullopt);
}

TEST_F(AccountStoreTest, ARefreshTokenIsGoodOnce) {
  const User user = active("ann");
  const Team team = teams_.create("One", user.id).value();
  const auto first = sessions_.start(user.id, team.id, {}).value();
  test_.now += kDayMs;
  const auto second = sessions_.refresh(first.refresh_token.reveal()).value();
  EXPECT_EQ(second.outcome, RefreshOutcome::kRefreshed);
  EXPECT_EQ(second.session.user_id, user.id);
  EXPECT_EQ(second.next.expires_at, test_.now + 30 * kDayMs);
  test_.now += 5'000;
  EXPECT_EQ(sessions_.refresh(first.refresh_token.reveal())->outcome,
            RefreshOutcome::kJustRefreshed);
  const auto third = sessions_.refresh(second.next.refresh_token.reveal()).value();
  test_.now += kMinuteMs;
  EXPECT_EQ(sessions_.refresh("nonsense").error().code, Code::kUnauthenticated);
  EXPECT_EQ(sessions_.refresh("\xff.00").error().code, Code::kUnauthenticated);
  EXPECT_EQ(sessions_.refresh(first.id + ".00").error().code, Code::kUnauthenticated);
  // A thief, or the victim after the thief: nobody knows, so it is over for both.
  EXPECT_EQ(sessions_.refresh(second.next.refresh_token.reveal()).error().code,
            Code::kUnauthenticated);
  EXPECT_EQ(sessions_.refresh(third.next.refresh_token.reveal()).error().code,
            Code::kUnauthenticated);
  EXPECT_TRUE(sessions_.list(user.id)->empty());
}

TEST_F(AccountStoreTest, SessionsEndByThemselves) {
  const User user = active("ann");
  const Team team = teams_.create("One", user.id).value();
  auto made = sessions_.start(user.id, team.id, {}).value();
  for (int day = 0; day < 80; day += 20) {
    test_.now += 20 * kDayMs;
    made = sessions_.refresh(made.refresh_token.reveal()).value().next;
  }
  test_.now += 10 * kDayMs;
  EXPECT_FALSE(sessions_.refresh(made.refresh_token.reveal())) << "after ninety days";
  made = sessions_.start(user.id, team.id, {}).value();
  test_.now += 31 * kDayMs;
  EXPECT_EQ(sessions_.find_user(made.id, team.id).value(), std::nullopt);
  const auto kept = sessions_.start(user.id, team.id, {}).value();
  (void)sessions_.start(user.id, team.id, {}).value();
  ASSERT_TRUE(sessions_.end_all(user.id, kept.id));
  ASSERT_EQ(sessions_.list(user.id)->size(), 1u);
  EXPECT_EQ(sessions_.list(user.id)->front().id, kept.id);
  test_.now += 2 * kDayMs;
  ASSERT_TRUE(sessions_.clear_old());
  const auto rows = test_.database.read().query("SELECT COUNT(*) FROM sessions").value();
  EXPECT_EQ(rows.front().integer(0), 1);
}

TEST_F(AccountStoreTest, AOneTimeTokenIsGoodForOneThingOnce) {
  const User user = inactive("ann");
  const auto hour = std::chrono::hours(1);
  const OneTimeToken mine{.user_id = user.id, .email = user.email};
  const Secret old = tokens_.issue(TokenPurpose::kActivation, mine, hour).value();
  const Secret token = tokens_.issue(TokenPurpose::kActivation, mine, hour).value();
  EXPECT_EQ(token.reveal().size(), 64u);
  EXPECT_FALSE(tokens_.use(TokenPurpose::kActivation, old.reveal())) << "another one was asked for";
  EXPECT_FALSE(tokens_.use(TokenPurpose::kPasswordReset, token.reveal()));
  EXPECT_EQ(tokens_.peek(TokenPurpose::kActivation, token.reveal())->user_id, user.id);
  EXPECT_EQ(tokens_.use(TokenPurpose::kActivation, token.reveal())->user_id, user.id);
  EXPECT_EQ(tokens_.use(TokenPurpose::kActivation, token.reveal()).error().code, Code::kNotFound);
  const Secret late = tokens_.issue(TokenPurpose::kActivation, mine, hour).value();
  test_.now += 60 * kMinuteMs;
  EXPECT_FALSE(tokens_.use(TokenPurpose::kActivation, late.reveal()));
  ASSERT_TRUE(tokens_.clear_old());
}

TEST_F(AccountStoreTest, InvitationsCanBeWithdrawn) {
  const User owner = active("ann");
  const Team team = teams_.create("One", owner.id).value();
  const OneTimeToken invitation{.user_id = {},
                                .team_id = team.id,
                                .email = "new@example.com",
                                .role = Role::kAdmin,
                                .created_by = owner.id};
  (void)tokens_.issue(TokenPurpose::kInvitation, invitation, std::chrono::hours(1)).value();
  const Secret token =
      tokens_.issue(TokenPurpose::kInvitation, invitation, std::chrono::hours(1)).value();
  const auto open = tokens_.invitations(team.id).value();
  ASSERT_EQ(open.size(), 1u) << "the second one replaced the first";
  EXPECT_EQ(open.front().role, Role::kAdmin);
  EXPECT_FALSE(tokens_.withdraw(kDefaultTeam, open.front().id).value());
  EXPECT_TRUE(tokens_.withdraw(team.id, open.front().id).value());
  EXPECT_FALSE(tokens_.use(TokenPurpose::kInvitation, token.reveal()));
}

TEST_F(AccountStoreTest, FailedLoginsMakeWaitLongerAndLonger) {
  const std::string subject = "email:ann@example.com";
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(failed_.note(subject, kFreeFailuresPerUser));
    EXPECT_EQ(failed_.locked_for(subject).value(), 0);
  }
  ASSERT_TRUE(failed_.note(subject, kFreeFailuresPerUser));
  EXPECT_EQ(failed_.locked_for(subject).value(), 2'000);
  EXPECT_EQ(failed_.locked_for("email:bob@example.com").value(), 0);
  test_.now += 2'000;
  EXPECT_EQ(failed_.locked_for(subject).value(), 0);
  ASSERT_TRUE(failed_.note(subject, kFreeFailuresPerUser));
  EXPECT_EQ(failed_.locked_for(subject).value(), 4'000);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(failed_.note(subject, kFreeFailuresPerUser));
  EXPECT_EQ(failed_.locked_for(subject).value(), 15 * kMinuteMs);
  test_.now += 16 * kMinuteMs;
  ASSERT_TRUE(failed_.note(subject, kFreeFailuresPerUser));
  EXPECT_EQ(failed_.locked_for(subject).value(), 0) << "it begins anew";
  ASSERT_TRUE(failed_.clear(subject));
  test_.now += 60 * kMinuteMs;
  ASSERT_TRUE(failed_.clear_old());
}

}  // namespace
}  // namespace wrenn::db
