// What others share with a logged-in IMAP user: the port's Neighbours over the lists of the mailbox room.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/imap_account.h"
#include "agent/owners.h"

namespace angarium::agent {

/// Accounts whose shares one user sees: the public one, then those that grant to this very user, then the oldest of
/// those that grant to anyone. Each LIST looks at all of them, and any user may share with anyone. Names that are given
/// exactly are found beyond it, too.
inline constexpr std::size_t kNeighboursMax = 1000;

/// Of one session.
class ImapNeighbours final : public protocol::imap::Neighbours {
 public:
  /// `public_account`: whose mailboxes are the public ones, if there are any.
  ImapNeighbours(Services& services, Budget& budget, Owners& owners, std::uint64_t append_limit,
                 const account::Account& user, std::optional<account::AccountId> public_account)
      : services_(services),
        budget_(budget),
        owners_(owners),
        append_limit_(append_limit),
        address_(user.address),
        reader_{.id = user.id, .identifiers = {user.address, std::string(kAnyone)}},
        public_account_(public_account) {}

  [[nodiscard]] bool has_public() const override { return public_account_.has_value(); }
  [[nodiscard]] std::string own_key() const override { return mailbox::account_key_text(reader_.id); }
  io::Task<Result<std::vector<protocol::imap::Neighbour>>> all() override;
  [[nodiscard]] std::string_view prefix_of(std::string_view name) const override;
  io::Task<Result<std::optional<protocol::imap::Neighbour>>> find(std::string prefix) override;
  io::Task<Result<std::string>> identifier(std::string written) override;

 private:
  /// All that grant something, in the order in which they are looked at.
  io::Task<Result<std::vector<account::AccountId>>> sharing();
  /// Nothing: it is gone.
  io::Task<Result<std::optional<protocol::imap::Neighbour>>> neighbour(account::AccountId id);

  Services& services_;
  Budget& budget_;
  Owners& owners_;
  std::uint64_t append_limit_;
  std::string address_;
  ImapReader reader_;
  std::optional<account::AccountId> public_account_;
  std::map<account::AccountId, protocol::imap::Neighbour> known_;  ///< watched as the same objects again and again
  std::set<account::AccountId> unread_;                            ///< the log has it that they cannot be read
  bool limit_told_ = false;                                        ///< and that there are more than are looked at
};

}  // namespace angarium::agent
