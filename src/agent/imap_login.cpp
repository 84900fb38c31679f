#include "agent/imap_login.h"

#include "agent/imap_account.h"
#include "base/log.h"
#include "base/text.h"
#include "io/loop.h"
#include "protocol/imap/error.h"
#include "sasl/prepare.h"

namespace angarium::agent {
namespace {

namespace imap = protocol::imap;

/// One exchange; the mechanism asks, the credential desk answers.
class Exchange final : public imap::Authentication {
 public:
  Exchange(ImapAuthenticator& owner, const sasl::Mechanism& mechanism, sasl::ServerContext context)
      : owner_(owner), name_(mechanism.name), exchange_(mechanism.serve(std::move(context))) {}

  io::Task<Result<Step>> respond(std::optional<std::string> response) override {
    sasl::ServerStep step;
    if (!started_) {
      started_ = true;
      step = exchange_->start(response ? std::optional<std::string_view>(*response) : std::nullopt);
    } else {
      step = exchange_->step(response.value_or(""));
    }
    bool refused_by_desk = false;
    for (;;) {
      if (auto* challenge = std::get_if<sasl::Challenge>(&step)) co_return Step{std::move(challenge->octets), nullptr};
      if (auto* success = std::get_if<sasl::Success>(&step)) {
        auto account = co_await owner_.admit(success->identity, name_);
        if (!account) co_return std::unexpected(co_await owner_.refuse(std::move(account).error()));
        co_return Step{"", *std::move(account)};
      }
      if (auto* failure = std::get_if<sasl::Failure>(&step)) {
        if (!refused_by_desk && failure->error.is(sasl::kBadCredentials)) owner_.credentials().failed();
        co_return std::unexpected(co_await owner_.refuse(std::move(failure->error)));
      }
      step = co_await answer(std::move(step), refused_by_desk);
    }
  }

 private:
  io::Task<sasl::ServerStep> answer(sasl::ServerStep wanted, bool& refused) {
    CredentialDesk& desk = owner_.credentials();
    if (const auto* password = std::get_if<sasl::PasswordWanted>(&wanted)) {
      auto verdict = co_await desk.verify_password(password->identity, password->password);
      refused = !verdict;
      co_return exchange_->answer_verdict(std::move(verdict));
    }
    if (const auto* authority = std::get_if<sasl::AuthorityWanted>(&wanted)) {
      auto verdict = co_await desk.verify_authority(authority->identity);
      refused = !verdict;
      co_return exchange_->answer_verdict(std::move(verdict));
    }
    const auto& keys = std::get<sasl::ScramKeysWanted>(wanted);
    co_return exchange_->answer_scram(co_await desk.scram_keys(keys.identity, keys.hash));
  }

  ImapAuthenticator& owner_;
  std::string_view name_;
  std::unique_ptr<sasl::ServerExchange> exchange_;
  bool started_ = false;
};

}  // namespace

ImapAuthenticator::ImapAuthenticator(Services& services, Budget& budget,
                                     const configuration::Configuration& configuration,
                                     const wire::Connection& connection)
    : services_(services),
      budget_(budget),
      configuration_(configuration),
      connection_(connection),
      credentials_(services, connection.peer()) {}

std::vector<sasl::ChannelBinding> ImapAuthenticator::bindings() const {
  std::vector<sasl::ChannelBinding> bindings;
  if (connection_.tls() == nullptr) return bindings;
  for (std::string_view type : {"tls-exporter", "tls-unique"})
    if (auto data = connection_.channel_binding(type)) bindings.push_back({std::string(type), *std::move(data)});
  return bindings;
}

bool ImapAuthenticator::login_permitted() const {
  return CredentialDesk::plaintext_allowed(configuration_, connection_.peer(), connection_.tls() != nullptr);
}

std::vector<const sasl::Mechanism*> ImapAuthenticator::offered() const {
  const std::vector<std::string>& configured = configuration_.auth.mechanisms;
  const std::vector<std::string_view> enabled(configured.begin(), configured.end());
  return sasl::offered({.enabled = enabled,
                        .plaintext = login_permitted() ? sasl::Plaintext::allowed : sasl::Plaintext::refused,
                        .has_bindings = !bindings().empty()});
}

std::vector<std::string> ImapAuthenticator::mechanisms() const {
  std::vector<std::string> names;
  for (const sasl::Mechanism* mechanism : offered()) names.emplace_back(mechanism->name);
  return names;
}

io::Task<Error> ImapAuthenticator::refuse(Error error) {
  // Bad grammar and what is not our client's fault are told at once.
  if (error.is(sasl::kBadCredentials) || error.is(sasl::kChannelBinding)) {
    co_await io::Loop::current().sleep_for(configuration_.auth.failure_delay);
    co_return Error(imap::kAuthenticationFailed, "Authentication failed");
  }
  if (error.is(sasl::kNotAuthorized)) co_return Error(imap::kAuthorizationFailed, error.text());
  if (error.is(account::kLockedOut) || error.is(account::kBusy)) co_return Error(imap::kBusy, error.text());
  co_return error;
}

io::Task<Result<std::shared_ptr<imap::Account>>> ImapAuthenticator::admit(const sasl::Identity& identity,
                                                                          std::string_view mechanism) {
  co_return co_await open(CO_TRY(co_await credentials_.account(identity)), mechanism);
}

io::Task<Result<std::shared_ptr<imap::Account>>> ImapAuthenticator::open(account::Account account,
                                                                         std::string_view mechanism) {
  if (Caretaker* const caretaker = services_.caretaker()) attendance_ = co_await caretaker->attend(account.id);
  auto mail = CO_TRY(co_await services_.mail().account(account.id));
  log::info("imap", "login",
            {{"user", account.address}, {"mechanism", mechanism}, {"peer", connection_.peer().text()}});
  co_return std::make_shared<ImapAccount>(services_, budget_,
                                          static_cast<std::uint64_t>(configuration_.imap.append_size_max),
                                          account.address, std::move(mail));
}

io::Task<Result<std::shared_ptr<imap::Account>>> ImapAuthenticator::login(std::string user, std::string password) {
  sasl::Secret secret(std::move(password));
  auto name = sasl::prepare_name(user);
  auto prepared = sasl::prepare(secret.view(), sasl::kPasswordMax);
  Result<> verdict;
  sasl::Identity identity;
  if (name && prepared) {
    identity.authentication_id = *std::move(name);
    verdict = co_await credentials_.verify_password(identity, sasl::Secret(*std::move(prepared)));
  } else {
    credentials_.failed();
    verdict = fail(sasl::kBadCredentials, "no such user name or password can be");
  }
  if (!verdict) co_return std::unexpected(co_await refuse(std::move(verdict).error()));
  auto account = co_await admit(identity, "LOGIN");
  if (!account) co_return std::unexpected(co_await refuse(std::move(account).error()));
  co_return *std::move(account);
}

io::Task<Result<std::unique_ptr<imap::Authentication>>> ImapAuthenticator::authenticate(std::string mechanism) {
  const std::vector<std::string> names = mechanisms();
  const std::vector<std::string_view> views(names.begin(), names.end());
  for (const sasl::Mechanism* candidate : offered()) {
    if (!equals_ignore_case(candidate->name, mechanism)) continue;
    sasl::ServerContext context = credentials_.context();
    context.bindings = bindings();
    context.plus_offered = sasl::plus_among(views);
    co_return std::make_unique<Exchange>(*this, *candidate, std::move(context));
  }
  co_return fail(imap::kCannot, "This mechanism is not offered here");
}

}  // namespace angarium::agent
