#include "agent/relay_login.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "kerberos/kerberos.h"

namespace angarium::agent {
namespace {

std::unexpected<Error> unfit(const std::string& path, const std::string& why) {
  return fail(kBadPasswordFile, "the password file " + path + " " + why);
}

Result<std::string> read_open_file(int descriptor, const std::string& path, std::size_t octets_max) {
  struct stat status{};
  if (::fstat(descriptor, &status) != 0) return unfit(path, std::string("cannot be read: ") + std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return unfit(path, "is no file");
  if ((status.st_mode & 077U) != 0) return unfit(path, "may be read by others than its owner; type: chmod 600 " + path);
  std::string octets(octets_max + 3, '\0');
  std::size_t size = 0;
  while (size < octets.size()) {
    const ssize_t count = ::read(descriptor, octets.data() + size, octets.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return unfit(path, std::string("cannot be read: ") + std::strerror(errno));
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  octets.resize(size);
  return octets;
}

}  // namespace

Result<sasl::Secret> read_password_file(const std::string& path, std::size_t octets_max) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) return unfit(path, std::string("cannot be opened: ") + std::strerror(errno));
  Result<std::string> octets = read_open_file(descriptor, path, octets_max);
  ::close(descriptor);
  std::string text = TRY(std::move(octets));
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  const bool fits = text.size() <= octets_max;
  const bool line = text.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos;
  sasl::Secret password(std::move(text));
  if (!fits)
    return unfit(path, "holds more than " + std::to_string(octets_max) + " octets: that is no password or token");
  if (!line) return unfit(path, "holds more than one line");
  if (password.empty()) return unfit(path, "is empty: its only line is the password");
  return password;
}

Result<RelayLogins> read_relay_logins(const configuration::Configuration& configuration) {
  RelayLogins logins;
  for (const configuration::RelayLogin& login : configuration.relay_logins) {
    RelayLogin made{.user = login.user, .weak = login.weak_mechanisms, .layer = login.layer};
    if (login.password_file.empty()) {
      made.has = login.token_file.empty() ? sasl::Needs::ticket : sasl::Needs::token;
      made.place = configuration.resolve(login.token_file.empty() ? login.tickets : login.token_file);
      logins.insert_or_assign(login.name, std::move(made));
      continue;
    }
    auto password = read_password_file(configuration.resolve(login.password_file));
    if (!password) return fail(kBadPasswordFile, "relay_login '" + login.name + "': " + password.error().text());
    made.password = *std::move(password);
    logins.insert_or_assign(login.name, std::move(made));
  }
  return logins;
}

io::Task<Result<std::unique_ptr<sasl::GssContext>>> get_ticket(io::FairPool& pool, std::string party, std::string cache,
                                                               std::string principal,
                                                               const sasl::ClientContext& context) {
  const kerberos::InitiatorTerms terms{.credentials_cache = "FILE:" + cache,
                                       .principal = std::move(principal),
                                       .service = context.service,
                                       .host = context.host,
                                       .protection_max = context.protection_max,
                                       .bindings = sasl::gss_bindings(context.bindings)};
  co_return CO_TRY(co_await io::run(pool, std::move(party), [terms] { return kerberos::initiate(terms); }));
}

io::Task<Result<>> furnish(io::FairPool& pool, const RelayLogin& login, sasl::ClientContext& context) {
  context.has = login.has;
  if (login.has == sasl::Needs::password) {
    context.password = sasl::Secret::copy(login.password.view());
  } else if (login.has == sasl::Needs::token) {
    auto token =
        co_await io::run(pool, login.place, [path = login.place] { return read_password_file(path, kTokenMax); });
    if (!token) co_return fail(sasl::kUnavailable, token.error().text());
    context.password = *std::move(token);
  } else {
    context.gss = CO_TRY(co_await get_ticket(pool, login.place, login.place, login.user, context));
    // The ticket says who it is; the name is what the server may know it by.
    context.identity = {};
  }
  co_return Result<>();
}

std::optional<std::string> RefusedLogins::refused(const std::string& login, const std::string& relay, Moment now) {
  const std::scoped_lock lock(mutex_);
  const auto known = known_.find({login, relay});
  if (known == known_.end() || !known->second.refused || *known->second.refused + kPause <= now) return std::nullopt;
  return known->second.words;
}

void RefusedLogins::add(const std::string& login, const std::string& relay, std::string words, Moment now) {
  const std::scoped_lock lock(mutex_);
  Known& known = known_[{login, relay}];
  known.refused = now;
  known.words = std::move(words);
}

void RefusedLogins::taken(const std::string& login, const std::string& relay) {
  const std::scoped_lock lock(mutex_);
  known_.erase({login, relay});
}

bool RefusedLogins::is_news(const std::string& login, const std::string& relay, Moment now) {
  const std::scoped_lock lock(mutex_);
  Known& known = known_[{login, relay}];
  if (known.told && *known.told + kTold > now) return false;
  known.told = now;
  return true;
}

}  // namespace angarium::agent
