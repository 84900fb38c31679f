// Where an account's mail lies besides the own store: its location, as Dovecot's mail_location says it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "envelope/path.h"
#include "route/delivery_map.h"

namespace angarium::route {

/// A text that is no location: the words say why.
inline constexpr ErrorKind kBadLocation{"route.bad-location", Fault::user, Lasting::permanent};

/// Octets of a location's text: two paths.
inline constexpr std::size_t kLocationMax = 8192;

struct Location {
  enum class Form : std::uint8_t { maildir, mbox };
  Form form = Form::maildir;
  std::string inbox;    ///< the Maildir++, or the mbox file of INBOX
  std::string folders;  ///< of mbox: the folder of the other boxes; empty: they lie in the own store alone
  std::string user{};   ///< of the host, with whose rights the boxes are reached; empty: with the server's
  friend bool operator==(const Location&, const Location&) = default;
};

/// "maildir:/home/anna/Maildir", "mbox:/var/mail/anna", "mbox:/home/anna/mail:INBOX=/var/mail/anna", each with
/// ":USER=anna" at its end. Paths begin with '/', without controls or parts "..". kBadLocation.
Result<Location> parse_location(std::string_view text);
/// What parse_location() reads back.
std::string format_location(const Location& location);

/// Of the configuration's table: "store", or a location in which {user} stands for the account's local part, and {home}
/// for the home of the user of the host. kBadLocation says what is wrong.
Result<> check_location(std::string_view place);

/// The table; keys as those of DeliveryMap. Immutable; safe from any thread.
class LocationMap {
 public:
  LocationMap() = default;
  /// kBadRule, kBadLocation.
  static Result<LocationMap> make(const std::vector<DeliveryRule>& rules);
  /// The home of a user of the host. May block.
  using HomeOf = std::function<Result<std::string>(const std::string& user)>;
  /// Nothing: the own store alone. `user`: the user of the host that the account is, where the line names no other;
  /// empty: none. kBadLocation, kBadTransport: a name that is no safe part of a path; what `home_of` fails with.
  [[nodiscard]] Result<std::optional<Location>> decide(const envelope::Mailbox& account, std::string user = {},
                                                       const HomeOf& home_of = {}) const;
  [[nodiscard]] bool empty() const { return map_.size() == 0; }

 private:
  TransportMap map_;
};

}  // namespace angarium::route
