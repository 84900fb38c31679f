// Transactions that broke off amid their data, and those whose client may not have heard how they ended (RFC 1845):
// what was received of them, in the store, so that the client goes on where it stopped, also after a restart here.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "envelope/envelope.h"
#include "io/pool.h"
#include "io/task.h"
#include "keyring/keys.h"
#include "message/dots.h"
#include "queue/body.h"
#include "store/batch.h"
#include "store/tablet.h"

namespace angarium::agent {

/// Another session has this transaction in hand: perhaps one that is dead, which nobody knows yet (RFC 1845 §3).
inline constexpr ErrorKind kTransactionInHand{"agent.transaction-in-hand", Fault::user, Lasting::temporary};
/// What came of it is kept, and it cannot go on now.
inline constexpr ErrorKind kTransactionNotNow{"agent.transaction-not-now", Fault::user, Lasting::temporary};

/// Checkpoints begin with this octet: 'H' name (envelope, octets, how it ended), 'P' name 0 part4 (version, BodyRef; of
/// version 2, sealed: and its key, queue/body.h).
inline constexpr char kCheckpointKeyOctet = 'k';

/// RFC 1845 §3 recommends to keep what broke off for 48 hours at least.
inline constexpr Duration kCheckpointLife = std::chrono::hours(48);
/// Transactions kept, of one address or user and in all: a courier has a few sessions; what is above goes as without
/// CHECKPOINT.
inline constexpr std::size_t kCheckpointsOfOwnerMax = 64;
inline constexpr std::size_t kCheckpointsMax = 4096;
/// Of the octets that may be kept one address or user has at most a fourth, whatever it calls itself.
inline constexpr std::uint64_t kCheckpointOwnerShare = 4;
/// A transaction that was read from the store so many times, and came no further, begins anew: reading costs the client
/// nothing.
inline constexpr std::uint32_t kCheckpointRereadMax = 16;
/// Octets of a name: a key of the store, with its letters and a part's number, stays below the limit.
inline constexpr std::size_t kCheckpointNameMax = 900;

/// Who may go on with a transaction, and the transaction. A TRANSID alone can be guessed.
struct CheckpointName {
  std::string owner;  ///< "u" and who logged in, or "a", the address and the name in EHLO; without NUL
  std::string id;     ///< TRANSID
  [[nodiscard]] std::string text() const { return owner + '\0' + id; }
  /// The owner without the name in EHLO, which is free: whose share it is.
  [[nodiscard]] std::string party() const { return owner.substr(0, owner.find(' ')); }
};

/// What is kept of one.
struct KeptTransaction {
  envelope::Sender sender;
  std::vector<envelope::Recipient> recipients;
  std::uint64_t octets = 0;             ///< of the message, up to the beginning of a line
  std::uint32_t parts = 0;              ///< in which they lie
  std::optional<std::string> accepted;  ///< it was: what the client was told, or should have been
  WallTime expires;
};

/// Finds the octets of checkpoints among the store's values.
void visit_checkpoint(std::string_view key, std::string_view value,
                      const std::function<void(const store::BodyRef&)>& found);

/// Where parts lie in the store, and their sealed keys: they are needed as those of the queue's entries are.
queue::SealedElsewhere sealed_parts();

/// What parts are sealed by, and opened; null: they are not, and those that are cannot be read.
struct CheckpointSeals {
  queue::BodyKeys* by = nullptr;
  keyring::Keys* opens = nullptr;
};

/// Shared by all loops. What gives a Task is awaited on a loop and never blocks it.
class Checkpoints {
 public:
  Checkpoints(store::Tablet& tablet, io::Pool& pool, const Clock& clock, CheckpointSeals seals = {})
      : tablet_(tablet), pool_(pool), clock_(clock), seals_(seals) {}

  /// Takes the transaction in hand, until let_go(); what is kept of it. kTransactionInHand.
  io::Task<Result<std::optional<KeptTransaction>>> take(CheckpointName name);
  void let_go(const CheckpointName& name);
  /// The octets of one part.
  io::Task<Result<std::string>> read(CheckpointName name, std::uint32_t part);
  /// Before it is read: one time more.
  void count_reading(const CheckpointName& name);
  /// Whether so many octets more may be kept of it, and it itself with a record of `record` octets; counts them.
  bool reserve(const CheckpointName& name, std::uint64_t octets, std::uint64_t record, std::uint64_t octets_max);
  /// It was accepted: only its record is kept.
  void count_accepted(const CheckpointName& name);
  /// Octets of a part at most.
  [[nodiscard]] std::size_t part_max() const;
  /// Octets of its record.
  static std::uint64_t record_octets(const KeptTransaction& kept);

  /// Adds to the batch: one more part, the last of kept.parts, and the transaction as it is with it; what it gives is
  /// kept until the batch is answered (queue::SealedKey::on_its_way). keyring's errors.
  io::Task<Result<std::shared_ptr<const void>>> put(CheckpointName name, KeptTransaction kept, std::string octets,
                                                    store::Batch& batch);
  /// Adds to the batch: nothing of it is kept.
  static void put_nothing(const CheckpointName& name, store::Batch& batch);
  /// Adds to the batch: it was accepted; only that is kept.
  static void put_accepted(const CheckpointName& name, const KeptTransaction& kept, store::Batch& batch);
  /// Nothing of them is kept any more. They are in the caller's hand, and stay there.
  io::Task<> forget(std::vector<CheckpointName> names);
  /// The same for those whose time is over. Cheap while there are none.
  io::Task<> expire();

  [[nodiscard]] WallTime expiry() const { return {clock_.wall().microseconds + kCheckpointLife.count()}; }
  /// How many are kept.
  std::size_t size();

 private:
  struct Known {
    std::uint64_t octets = 0;
    std::uint64_t record = 0;
    WallTime expires;
    std::uint32_t read = 0;  ///< since it last came further
  };
  io::Task<Result<>> load();
  bool worn_out(const std::string& name);
  io::Task<> erase(const std::vector<std::string>& names);

  store::Tablet& tablet_;
  io::Pool& pool_;
  const Clock& clock_;
  const CheckpointSeals seals_;
  std::mutex mutex_;
  bool loaded_ = false;
  std::map<std::string, Known, std::less<>> known_;  // by name
  std::set<std::string, std::less<>> in_hand_;
};

/// One transaction with a TRANSID, as far as it has come. Belongs to its session.
class OpenCheckpoint {
 public:
  OpenCheckpoint(Checkpoints& all, CheckpointName name, std::uint64_t octets_max)
      : all_(&all), name_(std::move(name)), octets_max_(octets_max) {}

  [[nodiscard]] const CheckpointName& name() const { return name_; }
  /// The envelope, when the body begins.
  void begin(const envelope::Envelope& envelope);
  /// It goes on behind what is kept: these octets are there already.
  void resume(const KeptTransaction& kept) { kept_ = kept; }
  void replay(std::string_view octets) { seen_.feed(octets); }
  /// More of the body: takes a copy.
  void append(std::string_view octets);
  /// A part is waiting to be stored.
  [[nodiscard]] bool full() const;
  /// Stores what waits, up to the beginning of a line. Trouble ends the keeping, not the transaction.
  enum class Amount : std::uint8_t { full_parts, all };
  io::Task<> store(store::Tablet& tablet, Amount amount);
  /// Adds to the batch that accepts the message.
  void accept(std::string told, store::Batch& batch);
  /// That batch is durable.
  void accepted() { all_->count_accepted(name_); }
  /// Of all octets, also those before this session.
  [[nodiscard]] const message::LineScanner& seen() const { return seen_; }

 private:
  Checkpoints* all_;
  CheckpointName name_;
  std::uint64_t octets_max_;
  KeptTransaction kept_;
  std::string buffer_;
  bool given_up_ = false;
  message::LineScanner seen_;
};

}  // namespace angarium::agent
