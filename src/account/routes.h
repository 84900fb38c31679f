// Where mail to the addresses that were asked for lately goes: spares every RCPT the reading of the directory.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "account/types.h"

namespace angarium::account {

/// An account that gets the mail.
struct Destination {
  AccountId id = 0;
  std::string address;
  std::string owner = {};  ///< where reports of this copy go instead of to the sender: "owner-LIST@…"; empty: to them
};

/// An address of a domain that is not ours, which gets the mail.
struct Onward {
  std::string address;  ///< as envelope::Mailbox::text() writes it
  std::string owner = {};
};

/// Where mail to an address goes.
struct Resolution {
  enum class Kind {
    accounts,   ///< to these, and to `onward`
    unknown,    ///< the domain is ours, the address is nobody's: 550 5.1.1
    not_local,  ///< the domain is not ours
    disabled,   ///< the only account is switched off: 550 5.2.1
    too_deep,   ///< aliases that point at each other for ever, or at too many: 550 5.4.6
  };
  Kind kind = Kind::unknown;
  /// Each once, in the order in which they were found.
  std::vector<Destination> accounts;
  std::vector<Onward> onward = {};
  /// Others may know better: the address is nobody's own, and the domain's postmaster or its catch-all has it, or it is
  /// an account that was made by itself (Origin::host, Origin::elsewhere).
  bool by_default = false;
  /// What stood behind the "+" of the local part, if anything did.
  std::string detail;
};

/// Resolutions that led to accounts, by address. Forgets all of them with every change of the directory. Any thread.
class Routes {
 public:
  /// So many are kept; with one more all are forgotten, since strangers choose the addresses (sub-addresses,
  /// catch-all).
  static constexpr std::size_t kRoutesMax = 65'536;
  /// An address that reaches more is read each time.
  static constexpr std::size_t kDestinationsMax = 16;

  struct Found {
    std::shared_ptr<const Resolution> resolution;  ///< null: not known
    std::uint64_t generation;                      ///< to be given to keep()
  };
  [[nodiscard]] Found find(const std::string& address) const;
  /// Keeps what was read since find() gave the generation, unless the directory has changed meanwhile.
  void keep(std::string address, std::shared_ptr<const Resolution> resolution, std::uint64_t generation);
  void forget();

 private:
  mutable std::mutex mutex_;
  std::uint64_t generation_ = 0;
  std::unordered_map<std::string, std::shared_ptr<const Resolution>> routes_;
};

}  // namespace angarium::account
