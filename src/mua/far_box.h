// The mail of an account at another host, by IMAP or POP3: what commands do with it, one connection each.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "message/box_state.h"
#include "mua/boxes.h"
#include "mua/far_dial.h"

namespace angarium::mua {

/// No such message, or no such folder.
inline constexpr ErrorKind kNotThere{"mua.not-there", Fault::user, Lasting::permanent};

/// Messages that one command names.
inline constexpr std::size_t kNamedMax = 100'000;

/// What a message is called: its UID, the unique id of a POP3 server, or its number where that has none.
using FarId = std::string;

struct FarMessage {
  FarId id;
  std::uint64_t octets = 0;
  message::BoxFlags flags = 0;
  std::vector<std::string> keywords;
  std::string header;               ///< as far as a list needs it, with any line ends
  std::optional<WallTime> arrived;  ///< by IMAP
};

struct FarListing {
  std::string mailbox;
  std::uint32_t uid_validity = 0;  ///< 0: ids mean nothing in another session
  std::uint64_t in_all = 0;        ///< messages of the mailbox, or those that were found
  std::vector<FarMessage> messages;
  bool has_flags = true;
};

/// Which messages are listed: the newest of those for which all holds.
struct FarWanted {
  bool unread = false;
  bool flagged = false;
  std::string text;  ///< anywhere
  std::string from;
  std::string subject;
  std::size_t limit = 0;  ///< 0: all

  [[nodiscard]] bool any() const { return unread || flagged || !text.empty() || !from.empty() || !subject.empty(); }
};

struct FarFolder {
  std::string name;
  std::string use;  ///< "sent", "trash" …; empty: none
  bool selectable = true;
  std::optional<std::uint64_t> messages;
  std::optional<std::uint64_t> unread;
};

/// Whether folders are opened to count what is in them, which costs a round trip each.
enum class Counting : std::uint8_t { no, yes };

/// One session. Calls are awaited one after the other; errors of protocol/imap/client.h and protocol/pop3/client.h,
/// kUsage for what this server cannot do, kNotThere. After an error that is none of those the box is of no more use.
class FarBox {
 public:
  virtual ~FarBox() = default;

  /// kNotThere. By POP3 there is INBOX alone.
  virtual io::Task<Result<>> open(std::string mailbox, Access access) = 0;
  /// Of the open mailbox, oldest first.
  virtual io::Task<Result<FarListing>> list(FarWanted wanted) = 0;
  /// The ids that words stand for: ids, "12-15" by IMAP, "last"; by POP3 also numbers, unless they are to be `exact`.
  /// kNotThere, if one is not there.
  enum class Naming : std::uint8_t { lenient, exact };
  virtual io::Task<Result<std::vector<FarId>>> resolve(std::vector<std::string> words, Naming naming) = 0;
  /// Its flags are left as they are. kHost: it has more than `max` octets.
  virtual io::Task<Result<std::string>> message(FarId id, std::size_t max) = 0;
  /// Removes them for good. False: they are marked as deleted, and the server has no way to remove these alone.
  virtual io::Task<Result<bool>> remove(std::vector<FarId> ids) = 0;
  /// The same of what is left behind. The mailbox is there already.
  virtual io::Task<Result<bool>> move(std::vector<FarId> ids, std::string mailbox) = 0;
  virtual io::Task<Result<>> flag(std::vector<FarId> ids, message::BoxFlags set, message::BoxFlags clear) = 0;
  virtual io::Task<Result<std::vector<FarFolder>>> folders(Counting counting) = 0;
  /// A copy of what was sent, read. `mailbox`: empty for the one that the server says is for such, made where there is
  /// none. Its name.
  virtual io::Task<Result<std::string>> keep_sent(std::string mailbox, std::string message) = 0;
  /// Says goodbye; what was removed is removed then.
  virtual io::Task<Result<>> leave() = 0;

  /// How the server was reached.
  [[nodiscard]] virtual const Reached& reached() const = 0;
};

/// Connects and logs in. `terms` outlive the box. kStranger, kNotLetIn, those of Dial.
io::Task<Result<std::unique_ptr<FarBox>>> enter_box(const FarTerms& terms);
io::Task<Result<std::unique_ptr<FarBox>>> enter_imap(const FarTerms& terms, Reached reached, sasl::Secret password);
io::Task<Result<std::unique_ptr<FarBox>>> enter_pop3(const FarTerms& terms, Reached reached, sasl::Secret password);

}  // namespace angarium::mua
