// On whose threads a settling works.
#include <atomic>
#include <future>
#include <thread>

#include "location/test_house.h"

namespace angarium::location {
namespace {

using testing::House;

/// Boxes with threads of their own, which note every call on others.
class Noting final : public Boxes {
 public:
  explicit Noting(Boxes& boxes) : boxes_(boxes) {
    std::promise<std::thread::id> known;
    REQUIRE(theirs_.submit([&known] { known.set_value(std::this_thread::get_id()); }));
    thread_ = known.get_future().get();
  }
  Result<std::vector<Found>> find(const Location& location) override { return note().find(location); }
  Result<> make(const Location& location, const std::string& path) override { return note().make(location, path); }
  Result<> rename(const Location& location, const std::string& from, const std::string& to) override {
    return note().rename(location, from, to);
  }
  Result<> remove(const Location& location, const std::string& path) override { return note().remove(location, path); }
  Result<bool> is_missing(const Location& location, const std::string& path) override {
    return note().is_missing(location, path);
  }
  Result<Stamp> stamp(const Location& location, const std::string& path) override {
    return note().stamp(location, path);
  }
  Result<std::shared_ptr<OpenBox>> open(const Location& location, const std::string& path) override {
    return std::make_shared<NotingBox>(*this, TRY(note().open(location, path)));
  }
  Result<There> add(const Location& location, const std::string& path, const NewMessage& message) override {
    return note().add(location, path, message);
  }
  io::Pool* threads(const Location&) override { return &theirs_; }

  std::atomic<int> calls = 0;
  std::atomic<int> strayed = 0;  ///< calls on other threads

 private:
  class NotingBox final : public OpenBox {
   public:
    NotingBox(Noting& all, std::shared_ptr<OpenBox> box) : noting_(all), box_(std::move(box)) {
      messages_ = box_->messages();
      all_ = box_->all();
      keyword_names_ = box_->keyword_names();
    }
    Result<std::string> read(std::size_t index) override {
      noting_.note();
      return box_->read(index);
    }
    Result<std::optional<message::DateTime>> received(std::size_t index) override {
      noting_.note();
      return box_->received(index);
    }
    Result<> change(const std::vector<std::size_t>& removed, const Marks& marked, const KeywordNames& names) override {
      noting_.note();
      return box_->change(removed, marked, names);
    }

   private:
    Noting& noting_;
    std::shared_ptr<OpenBox> box_;
  };
  Boxes& note() {
    ++calls;
    if (std::this_thread::get_id() != thread_) ++strayed;
    return boxes_;
  }

  Boxes& boxes_;
  std::thread::id thread_;
  io::Pool theirs_{{.name = "theirs", .threads = 1}};
};

}  // namespace

TEST_CASE("all that is done with boxes is done by the threads that they name, whoever waits for the others") {
  for (const Location::Form form : {Location::Form::maildir, Location::Form::mbox}) {
    House house({form});
    Noting noting(*house.boxes);
    house.keeper = std::make_unique<Keeper>(*house.store, *house.tablet, house.pool, noting);
    const auto settle = [&] {
      const int before = noting.calls;
      house.settle();
      CHECK(noting.calls > before);
      CHECK(noting.strayed == 0);
    };
    house.put("INBOX", "a");
    settle();
    house.append("INBOX", "b");
    house.must(house.mail->create("papers"));
    house.mark_there("INBOX", "a", testing::kBoxSeen);
    settle();
    settle();
    house.remove_there("INBOX", "a");
    settle();
    house.put("INBOX", "c");
    house.must(house.keeper->survey(testing::kAlice, house.location));
    house.must(house.keeper->move_in(testing::kAlice, house.location, WallTime::from_seconds(1)));
    house.put("INBOX", "d");
    house.must(house.keeper->move_in(testing::kAlice, house.location, WallTime::from_seconds(1)));
    house.must(house.keeper->move_out(testing::kAlice, house.location));
    CHECK(noting.strayed == 0);
    house.begin();
  }
}

}  // namespace angarium::location
