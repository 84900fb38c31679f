#include "agent/services.h"

#include <algorithm>
#include <thread>

#include "agent/settings.h"

namespace angarium::agent {
namespace {

// Reads that miss every cache: more threads than cores, since they wait for the disk.
constexpr std::size_t kPoolThreads = 8;
// Addresses one party looks for at one time, and those it may have waiting: one for each of its connections.
constexpr std::size_t kNameShare = 2;
constexpr std::size_t kNamesWaiting = 256;
// Work of the mailbox room must not be refused, only the connections that ask for it are bounded.
constexpr std::size_t kPoolQueue = 1u << 20;

std::size_t cores() { return std::max(1U, std::thread::hardware_concurrency()); }

std::size_t threads(const Services::Ground& ground, std::size_t so_many) {
  return ground.work == Services::Ground::Work::on_threads ? so_many : 0;
}

}  // namespace

Result<std::unique_ptr<Services>> Services::open(const configuration::Configuration& configuration) {
  auto volume = TRY(store::open_local_volume(configuration.resolve(configuration.server.data)));
  return open_on(std::move(volume), store::StateKind::rocksdb, configuration);
}

Result<std::unique_ptr<Services>> Services::open_on(std::unique_ptr<store::Volume> volume, store::StateKind state,
                                                    const configuration::Configuration& configuration,
                                                    const Clock& clock) {
  Ground ground{.volume = std::move(volume), .store = {}, .clock = &clock};
  ground.store.state = state;
  return open_on(std::move(ground), configuration);
}

Result<std::unique_ptr<Services>> Services::open_on(Ground ground, const configuration::Configuration& configuration) {
  auto records = std::make_unique<StoredRecords>();
  store::TabletOptions options = ground.store;
  records->tell(options);
  options.reserve = static_cast<std::uint64_t>(configuration.store.reserve);
  options.cache_size = static_cast<std::uint64_t>(configuration.store.cache);
  auto tablet = TRY(store::Tablet::open(std::move(ground.volume), std::move(options)));
  return std::unique_ptr<Services>(new Services(configuration, std::move(records), std::move(tablet), ground));
}

Services::Services(const configuration::Configuration& configuration, std::unique_ptr<StoredRecords> records,
                   std::unique_ptr<store::Tablet> tablet, const Ground& ground)
    : password_cost_{.memory_kib = static_cast<std::uint32_t>(configuration.auth.argon2_memory_kib),
                     .passes = static_cast<std::uint32_t>(configuration.auth.argon2_passes)},
      records_(std::move(records)),
      tablet_(std::move(tablet)),
      keys_(std::make_unique<keyring::Keys>(*tablet_, configuration.resolve("keys"), *ground.random)),
      pool_(std::make_unique<io::Pool>(
          io::PoolOptions{.name = "store", .threads = threads(ground, kPoolThreads), .queue = kPoolQueue})),
      names_(std::make_unique<io::FairPool>(io::FairPoolOptions{.name = "names",
                                                                .threads = threads(ground, kNameThreads),
                                                                .share = kNameShare,
                                                                .waiting = kNamesWaiting,
                                                                .queue = 8 * kNamesWaiting})),
      searching_(std::make_unique<Searching>(threads(ground, cores()))),
      targets_(std::make_unique<Targets>(threads(ground, kTargetThreads))),
      clock_(*ground.clock),
      sealing_(configuration.store.encryption ? mailbox::Sealing::on : mailbox::Sealing::off),
      body_keys_(*tablet_, *pool_, keys_.get(), {sealed_parts()}),
      directory_(*tablet_, *ground.clock),
      srs_keys_(*tablet_, *ground.clock, *ground.random),
      ledger_(*tablet_, {.keep = configuration.trace.keep,
                         .octets_max = static_cast<std::uint64_t>(configuration.trace.size_max)}),
      checkpoints_(*tablet_, *pool_, *ground.clock,
                   {.by = sealing_ == mailbox::Sealing::on ? &body_keys_ : nullptr, .opens = keys_.get()}),
      indexing_(std::make_unique<Indexing>(
          *tablet_, Indexing::Options{.clock = ground.clock, .threads = threads(ground, 1), .keys = keys_.get()})),
      mail_(mailbox::MailboxStore::make(
          *tablet_, *pool_,
          {.clock = ground.clock,
           .on_added = [indexing = indexing_.get()](mailbox::AccountId account) { indexing->added(account); },
           .keys = keys_.get(),
           .sealing = sealing_})),
      queue_(queue::Queue::make(*tablet_, *pool_, {.clock = ground.clock, .wake = [this] {
                                                     if (ring_) ring_();
                                                   }})) {
  directory_.on_withdrawn([this](const account::Withdrawal& withdrawal) { logins_.withdraw(withdrawal); });
  account::VerifierOptions options;
  options.cost = password_cost_;
  options.threads = threads(ground, cores());
  options.attempts = attempt_limits(configuration);
  options.users_cache = configuration.local.password_cache;
  options.realm = configuration.server.hostname;
  options.cache_max *= 2;  // beside each password, who has proved what where
  verifier_ = std::make_unique<account::Verifier>(directory_, *pool_, options, *ground.clock, *ground.random);
}

Services::~Services() = default;

}  // namespace angarium::agent
