#include "agent/relay_login.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/text.h"

namespace angarium::agent {
namespace {

std::unexpected<Error> unfit(const std::string& path, const std::string& why) {
  return fail(kBadPasswordFile, "the password file " + path + " " + why);
}

Result<std::string> read_open_file(int descriptor, const std::string& path) {
  struct stat status{};
  if (::fstat(descriptor, &status) != 0) return unfit(path, std::string("cannot be read: ") + std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return unfit(path, "is no file");
  if ((status.st_mode & 077U) != 0) return unfit(path, "may be read by others than its owner; type: chmod 600 " + path);
  std::string octets(kPasswordMax + 3, '\0');
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

Result<sasl::Secret> read_password_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) return unfit(path, std::string("cannot be opened: ") + std::strerror(errno));
  Result<std::string> octets = read_open_file(descriptor, path);
  ::close(descriptor);
  std::string text = TRY(std::move(octets));
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  const bool fits = text.size() <= kPasswordMax;
  const bool line = text.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos;
  sasl::Secret password(std::move(text));
  if (!fits) return unfit(path, "holds more than 1024 octets: that is no password");
  if (!line) return unfit(path, "holds more than one line");
  if (password.empty()) return unfit(path, "is empty: its only line is the password");
  return password;
}

Result<RelayLogins> read_relay_logins(const configuration::Configuration& configuration) {
  RelayLogins logins;
  for (const configuration::RelayLogin& login : configuration.relay_logins) {
    auto password = read_password_file(configuration.resolve(login.password_file));
    if (!password) return fail(kBadPasswordFile, "relay_login '" + login.name + "': " + password.error().text());
    logins.insert_or_assign(
        login.name, RelayLogin{.user = login.user, .password = *std::move(password), .weak = login.weak_mechanisms});
  }
  return logins;
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
