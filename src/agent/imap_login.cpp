#include "agent/imap_login.h"

#include "agent/imap_neighbours.h"
#include "agent/referral.h"
#include "base/log.h"
#include "io/loop.h"
#include "protocol/imap/error.h"
#include "protocol/imap/sharing.h"

namespace angarium::agent {
namespace imap = protocol::imap;

ImapAuthenticator::ImapAuthenticator(Services& services, Budget& budget, Owners& owners,
                                     const configuration::Configuration& configuration,
                                     const wire::Connection& connection)
    : services_(services),
      budget_(budget),
      owners_(owners),
      configuration_(configuration),
      connection_(connection),
      terms_(login_terms(configuration)),
      credentials_(services, account::Use::imap, connection.peer(), terms_, &connection) {}

bool ImapAuthenticator::login_permitted() const {
  return CredentialDesk::plaintext_allowed(configuration_, connection_.peer(), connection_.tls() != nullptr);
}

std::vector<std::string_view> ImapAuthenticator::enabled() const {
  return {configuration_.auth.mechanisms.begin(), configuration_.auth.mechanisms.end()};
}

io::Task<Error> ImapAuthenticator::refused(Error error) {
  // Bad grammar and what is not our client's fault are told at once.
  if (error.is(sasl::kBadCredentials) || error.is(sasl::kChannelBinding)) {
    credentials_.refused();
    co_await io::Loop::current().sleep_for(configuration_.auth.failure_delay);
  }
  if (error.is(account::kLockedOut) || error.is(account::kBusy)) co_return Error(imap::kBusy, error.text());
  co_return error;
}

io::Task<Result<std::shared_ptr<imap::Account>>> ImapAuthenticator::open(sasl::Identity identity,
                                                                         std::string_view mechanism) {
  if (identity.standing == sasl::Standing::guest)
    co_return co_await open_account(CO_TRY(co_await credentials_.guest_account()), mechanism,
                                    GuestRules{terms_.guest_mailboxes});
  auto account = CO_TRY(co_await credentials_.account(identity));
  co_return co_await open_account(std::move(account), mechanism, std::nullopt, std::move(identity.authentication_id));
}

/// One that is not there is no reason to let nobody in.
io::Task<std::optional<account::AccountId>> ImapAuthenticator::public_account() {
  const std::string& address = configuration_.imap.public_account;
  if (address.empty()) co_return std::nullopt;
  const auto found = co_await io::run(
      services_.pool(), [&directory = services_.directory(), address] { return directory.account(address); });
  if (found && *found) co_return (*found)->id;
  log::warning("imap", "there is no imap.public_account", {{"address", address}});
  co_return std::nullopt;
}

io::Task<Result<std::shared_ptr<imap::Account>>> ImapAuthenticator::open_account(account::Account account,
                                                                                 std::string_view mechanism,
                                                                                 std::optional<GuestRules> guest,
                                                                                 std::string login) {
  // RFC 2221: only to who has proved to be its user.
  if (!account.moved_to.empty() && !guest) co_return fail(imap::kReferral, referral(account));
  // UNAUTHENTICATE leaves by dropping the account.
  struct Entered {
    Logins::Stay stay;
    std::shared_ptr<imap::Account> account;
  };
  auto entered = std::make_shared<Entered>(CO_TRY(credentials_.enter(account)));
  Caretaker::Attendance attendance;
  if (Caretaker* const caretaker = services_.caretaker()) {
    io::Event enough;
    waits_ = &enough;
    attendance = co_await caretaker->attend(account.id, &enough);
    waits_ = nullptr;
  }
  auto mail = CO_TRY(co_await services_.mail().account(account.id));
  log::info("imap", "login",
            {{"user", account.address}, {"mechanism", mechanism}, {"peer", connection_.peer().text()}});
  const auto limit = static_cast<std::uint64_t>(configuration_.imap.append_size_max);
  std::unique_ptr<imap::Neighbours> neighbours;
  // Guests are nobody to whom something could be granted.
  if (!guest)
    neighbours =
        std::make_unique<ImapNeighbours>(services_, budget_, owners_, limit, account, co_await public_account());
  entered->account = std::make_shared<imap::SharingAccount>(
      std::make_shared<ImapAccount>(services_, budget_, limit, account.address, std::move(login), std::move(mail),
                                    std::move(guest), std::move(attendance)),
      std::move(neighbours));
  co_return std::shared_ptr<imap::Account>(entered, entered->account.get());
}

}  // namespace angarium::agent
