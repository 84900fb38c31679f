#include "simulation/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "keyring/server_keys.h"

namespace angarium::simulation {
namespace {

using namespace std::chrono_literals;

/// So long letters are written and things go wrong.
constexpr Duration kTroubled = 6min;
constexpr Duration kLifetime = 30min;
constexpr Duration kNoticeAfter = 8min;
/// Then no queue holds anything any more: a message lives its time, and so may a report of it.
constexpr Duration kPatience = 3h;
constexpr Duration kStep = 15s;
constexpr std::size_t kAccounts = 2;

/// 192.0.2.0/24 (RFC 5737): servers from 1 on, a machine that never answers, addresses that nobody has, users.
constexpr int kMute = 250;
constexpr int kNobody = 240;
constexpr int kUsersAt = 100;

std::string address(int last) { return "192.0.2." + std::to_string(last); }
io::IpAddress ip(int last) { return *io::IpAddress::parse(address(last)); }

/// Lines that tell who and where they are, some with a dot before them (RFC 5321 §4.5.2).
std::string body_of(const std::string& token, std::size_t size) {
  std::string body;
  for (std::size_t line = 0; body.size() < size; ++line)
    body += fmt::format("{}line {} of {}\r\n", line % 7 == 0 ? "." : "", line, token);
  return body;
}

}  // namespace

World::World(std::uint64_t seed, Journal& journal, std::string keys)
    : journal_(journal),
      keys_(std::move(keys)),
      chance_(seed * 0x9e3779b97f4a7c15),
      loop_(seed, WallTime::from_seconds(1'700'000'000), io::Answers::by_tasks),
      network_(loop_, seed + 1),
      around_{
          .loop = loop_, .journal = journal, .ledger = ledger_, .chance = chance_, .who = [](const io::IpAddress& a) {
            const std::string text = a.text();
            const int last = std::stoi(text.substr(text.rfind('.') + 1));
            return last == kUsersAt ? kUsers : last - 1;
          }} {
  journal_.use(&loop_);
  build();
}

World::~World() {
  loop_.destroy_tasks();
  servers_.clear();
  journal_.use(nullptr);
}

void World::build() {
  const int count = 3 + static_cast<int>(std::array{0, 0, 0, 0, 1, 1, 1, 2, 2, 3}[chance_.below(10)]);
  const bool backup = odds(1, 2);
  zones_ = fmt::format(
      "$TTL 60\nnull.test MX 0 .\nmute.test MX 10 mx.mute.test\nmx.mute.test A {}\ngone.test MX 10 mx.gone.test\n"
      "mx.gone.test A {}\n$SERVFAIL broken.test\n",
      address(kMute), address(kNobody));
  stale_zones_ = zones_;
  for (int i = 0; i < count; ++i) {
    zones_ += fmt::format("d{0}.test MX 10 h{0}.test\nh{0}.test A {1}\n", i, address(i + 1));
    stale_zones_ += fmt::format("d{0}.test MX 10 h{0}.test\nh{0}.test A {1}\n", i, address(kNobody + i));
  }
  if (backup) zones_ += "d1.test MX 20 h0.test\n";
  network_.add_host("mute", {ip(kMute)}).set_state(io::MemoryNetwork::Host::State::gone);
  network_.set_plan([this](const io::Endpoint&, const io::Endpoint&) { return plan(); });
  users_ = std::make_unique<Users>(around_, network_.add_host("users", {ip(kUsersAt)}));
  for (int i = 0; i < count; ++i) {
    Server::Setting setting{.number = i,
                            .host = fmt::format("h{}.test", i),
                            .domain = fmt::format("d{}.test", i),
                            .accounts = {"u0", "u1", "postmaster"},
                            .relay_domains = {},
                            .relay_networks = {address(kUsersAt) + "/32"},
                            .lifetime = kLifetime,
                            .notice_after = kNoticeAfter,
                            .reserve = odds(1, 2) ? 0u : 32u << 10,
                            .commit_max = up_to(40ms),
                            .keys = keys_.empty() ? "" : fmt::format("{}/h{}", keys_, i)};
    // There before anything happens: who makes it at the first mail would take another course the second time.
    if (!setting.keys.empty()) {
      std::filesystem::create_directories(setting.keys);
      if (!keyring::ServerKeys::make(setting.keys + "/keys", chance_)) journal_.blame("no key can be made");
    }
    if (backup && i == 0) setting.relay_domains = {"d1.test"};
    servers_.push_back(std::make_unique<Server>(around_, network_.add_host(setting.host, {ip(i + 1)}),
                                                std::move(setting), chance_.number(), zones_));
    servers_.back()->live();
  }
}

Address World::somebody() {
  const std::uint64_t kind = chance_.below(16);
  if (kind == 0)
    return {
        .text = "x@" + std::string(std::array{"null", "mute", "gone", "broken", "nothing"}[chance_.below(5)]) + ".test",
        .kind = Address::Kind::nowhere};
  const std::string domain = any().setting().domain;
  if (kind == 1) return {.text = "stranger@" + domain, .kind = Address::Kind::stranger};
  if (kind == 2) return {.text = "all@" + domain, .boxes = {"u0@" + domain, "u1@" + domain}};
  const std::string box = fmt::format("u{}@{}", chance_.below(kAccounts), domain);
  return {.text = box, .boxes = {box}};
}

Address World::sender() {
  const std::uint64_t kind = chance_.below(10);
  if (kind == 0) return {};
  if (kind == 1) return {.text = "x@null.test", .kind = Address::Kind::nowhere};
  if (kind == 2) return {.text = "stranger@" + any().setting().domain, .kind = Address::Kind::stranger};
  const std::string box = fmt::format("u{}@{}", chance_.below(kAccounts), any().setting().domain);
  return {.text = box, .boxes = {box}};
}

void World::write_letters() {
  for (std::uint64_t left = 6 + chance_.below(12), number = 0; left > 0; --left, ++number) {
    Errand errand;
    errand.letter = {
        .token = fmt::format("letter-{}@users.test", number), .sender = sender(), .recipients = {}, .body = {}};
    errand.letter.body =
        body_of(errand.letter.token, odds(1, 12) ? 10'000 + chance_.below(300'000) : 200 + chance_.below(3000));
    for (std::uint64_t more = 1 + chance_.below(3); more > 0; --more) {
      Addressed to{.address = somebody(), .notify = {}};
      // Each mailbox by one address only: otherwise one copy may serve for two.
      const bool twice = std::ranges::any_of(errand.letter.recipients, [&](const Addressed& other) {
        return other.address.text == to.address.text ||
               std::ranges::find_first_of(other.address.boxes, to.address.boxes) != other.address.boxes.end();
      });
      if (twice) continue;
      if (odds(1, 3)) to.notify = std::array{"NEVER", "SUCCESS", "FAILURE", "SUCCESS,FAILURE,DELAY"}[chance_.below(4)];
      // What a list stands for may be told in other words.
      if (to.address.boxes.size() > 1) to.notify.clear();
      errand.letter.recipients.push_back(std::move(to));
    }
    errand.after = up_to(kTroubled - 30s);
    errand.server = io::Endpoint(any().place().addresses().front(), 25);
    if (odds(1, 3)) errand.chunking = protocol::smtp::Chunking::when_possible;
    ledger_.write(errand.letter);
    users_->send(std::move(errand));
  }
}

// --- what goes wrong ------------------------------------------------------------------------------------------------

io::Plan World::plan() {
  io::Plan drawn;
  if (!troubled_ || chance_.below(1000) >= broken_per_thousand_) return drawn;
  using Opening = io::Plan::Opening;
  if (odds(1, 4)) {
    drawn.opening = std::array{Opening::refused, Opening::unreachable, Opening::dropped}[chance_.below(3)];
    return drawn;
  }
  drawn.how = std::array{io::Break::reset, io::Break::end, io::Break::silence}[chance_.below(3)];
  // Most of what is said to the caller is less than a kilobyte, the last reply among it.
  switch (chance_.below(3)) {
    case 0: drawn.octets_to_caller = chance_.below(1000); break;
    case 1: drawn.octets_to_listener = chance_.below(odds(1, 4) ? 20'000 : 3000); break;
    default: drawn.breaks_after = up_to(500ms);
  }
  return drawn;
}

void World::misfortunes() {
  broken_per_thousand_ = static_cast<std::uint32_t>(chance_.below(400));
  for (const auto& one : servers_) {
    for (const auto& other : servers_) {
      if (one->setting().number >= other->setting().number) continue;
      io::Link link{.latency = up_to(80ms)};
      if (odds(1, 3)) link.jitter_max = up_to(300ms);
      if (odds(1, 4)) link.octets_per_second = 500 + chance_.below(20'000);
      if (odds(1, 4)) link.lost_per_million = static_cast<std::uint32_t>(chance_.below(200'000));
      network_.set_link(one->place(), other->place(), link);
    }
  }
  for (std::uint64_t left = 4 + chance_.below(9); left > 0; --left) loop_.spawn(misfortune(up_to(kTroubled - 1min)));
  loop_.spawn(watch());
  if (keys_.empty()) return;
  for (std::uint64_t left = 2 + chance_.below(9); left > 0; --left) loop_.spawn(key_trouble(up_to(kTroubled - 1min)));
}

/// Keys are made anew, on disks that fail now and then amid it, and the server's is away for a while.
io::Task<> World::key_trouble(Duration after) {
  co_await loop_.sleep_for(after);
  Server& server = any();
  const std::uint64_t kind = chance_.below(5);
  if (kind == 0) {
    journal_.note(server.name(), "has lost its key");
    server.lose_key();
    co_await loop_.sleep_for(up_to(100s));
    journal_.note(server.name(), "has its key again");
    server.bring_key_back();
    co_return;
  }
  if (!server.alive()) co_return;
  if (odds(1, 2)) {
    journal_.note(server.name(), "will lose its power soon");
    server.disk().arm({.crash_at = 1 + chance_.below(12)});
  }
  server.life().rotate(std::array{Rotation::of_server, Rotation::of_account, Rotation::of_queue,
                                  Rotation::of_queue}[static_cast<std::size_t>(kind - 1)]);
}

Server::Rotations World::rotations() const {
  Server::Rotations all;
  for (const auto& server : servers_) {
    all.begun += server->rotations().begun;
    all.ended += server->rotations().ended;
  }
  return all;
}

io::Task<> World::misfortune(Duration after) {
  co_await loop_.sleep_for(after);
  Server& server = any();
  switch (chance_.below(9)) {
    case 0:
    case 1: co_await death(server); break;
    case 2:
    case 3: bad_disk(server); break;
    case 4: co_await cut(server); break;
    case 5: co_await full(server); break;
    case 6: co_await bad_dns(server); break;
    case 7: set_clocks(); break;
    default: co_await death(server);
  }
}

io::Task<> World::death(Server& server) {
  if (!server.alive()) co_return;
  ++deaths_;
  server.die(std::array{Server::Death::kill, Server::Death::power, Server::Death::crash}[chance_.below(3)]);
  co_await raise(server, up_to(odds(1, 2) ? 2s : 90s));
}

io::Task<> World::raise(Server& server, Duration after) {
  co_await loop_.sleep_for(after);
  if (server.alive()) co_return;
  if (troubled_ && odds(1, 5)) bad_disk(server);
  while (!server.live()) {
    server.disk().arm({});
    server.disk().set_capacity(UINT64_MAX);
    co_await loop_.sleep_for(up_to(5s));
  }
}

/// The power may go, or the disk fail, in the middle of any call.
void World::bad_disk(Server& server) {
  store::FaultyDisk::Faults faults;
  switch (chance_.below(5)) {
    case 0:
      faults.fail_sync_at = 1 + chance_.below(15);
      faults.syncs_failing = 1 + chance_.below(5);
      break;
    case 1: faults.short_write_at = 1 + chance_.below(30); break;
    case 2: faults.fail_read_at = 1 + chance_.below(40); break;
    default: faults.crash_at = 1 + chance_.below(odds(1, 2) ? 10 : 60);
  }
  journal_.note(server.name(), "has a disk that will fail");
  server.disk().arm(faults);
}

io::Task<> World::cut(Server& one) {
  Server& other = any();
  if (&one == &other) co_return;
  journal_.note(one.name(), "is cut off from " + other.name());
  network_.sever(one.place(), other.place());
  co_await loop_.sleep_for(up_to(100s));
  network_.mend(one.place(), other.place());
}

io::Task<> World::full(Server& server) {
  journal_.note(server.name(), "has a full disk");
  server.set_full(true);
  co_await loop_.sleep_for(up_to(60s));
  server.set_full(false);
}

io::Task<> World::bad_dns(Server& server) {
  journal_.note(server.name(), "has a bad DNS");
  if (odds(1, 3)) (void)server.resolver().set_zones(stale_zones_);
  server.resolver().set_faults({.seed = chance_.number(),
                                .timed_out_per_million = static_cast<std::uint32_t>(chance_.below(600'000)),
                                .server_failure_per_million = static_cast<std::uint32_t>(chance_.below(600'000)),
                                .bogus_per_million = static_cast<std::uint32_t>(chance_.below(100'000)),
                                .delay_max = up_to(3s)});
  co_await loop_.sleep_for(up_to(90s));
  (void)server.resolver().set_zones(zones_);
  server.resolver().set_faults({});
}

/// Of all servers at once, by as much as a letter's lifetime bears: what was put off waits longer when they are set
/// back.
void World::set_clocks() {
  const Duration by = odds(1, 2) ? up_to(90s) : -up_to(90s);
  journal_.note("world", fmt::format("clocks are set by {} s", by / 1s));
  loop_.jump(by);
}

/// Those whose power went by a fault of the disk.
io::Task<> World::watch() {
  while (true) {
    co_await loop_.sleep_for(200ms);
    for (const auto& server : servers_) {
      if (!server->power_gone()) continue;
      ++deaths_;
      server->die(odds(1, 2) ? Server::Death::power : Server::Death::crash);
      loop_.spawn(raise(*server, up_to(20s)));
    }
    if (!troubled_) co_return;
  }
}

/// From now on nothing goes wrong any more.
void World::make_good() {
  journal_.note("world", "all is well from now on");
  troubled_ = false;
  for (const auto& server : servers_) {
    server->disk().arm({});
    server->set_full(false);
    if (!keys_.empty()) server->bring_key_back();
    (void)server->resolver().set_zones(zones_);
    server->resolver().set_faults({});
    for (const auto& other : servers_) {
      network_.mend(server->place(), other->place());
      network_.set_link(server->place(), other->place(), {.latency = 20ms});
    }
  }
}

// --- the course of the world ----------------------------------------------------------------------------------------

bool World::at_rest() {
  return users_->done() &&
         std::ranges::all_of(servers_, [](const auto& server) { return server->alive() && server->empty(); });
}

void World::run() {
  write_letters();
  misfortunes();
  loop_.advance(kTroubled);
  make_good();
  const Moment until = loop_.now() + kPatience;
  while (!at_rest() && journal_.wrong().empty()) {
    if (loop_.now() >= until) return journal_.blame("the queues do not become empty");
    loop_.advance(kStep);
  }
  if (journal_.wrong().empty()) last_look();
}

void World::last_look() {
  std::vector<Stored> stored;
  for (const auto& server : servers_) {
    if (!keys_.empty()) server->rotate_all();
    if (odds(1, 2)) {
      // What one finds who comes later.
      server->look();
      server->close();
      if (!server->live()) return journal_.blame(server->name() + " does not start again");
    }
    for (Stored& one : server->look()) stored.push_back(std::move(one));
  }
  ledger_.check(stored);
}

}  // namespace angarium::simulation
