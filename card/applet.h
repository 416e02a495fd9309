// The "Phone backup" applet: menu, use counter and the flows that talk to the vault
// (record-lifecycle: who takes part, change of card; wire protocol sections 1-3).
// Flows are coroutines that run one after another; whatever arrives meanwhile is queued.
// One thread; nothing here blocks or knows the time: timers are the terminal's.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "base/secret.h"
#include "card/commands.h"
#include "card/image.h"
#include "card/link.h"
#include "card/phone_book.h"
#include "card/push.h"
#include "card/remote_management.h"
#include "card/sms_pp.h"
#include "card/uicc.h"

namespace card {

enum class Origin : std::uint8_t { menu = 0x00, wake_up = 0x01, timer = 0x02 };

struct AppletSettings {
  int tick_seconds = 30 * 60;   // the use counter's timer
  int poll_seconds = 30 * 60;   // POLL INTERVAL
  int retry_seconds = 10 * 60;  // after an interrupted upload
  int max_retries = 5;          // unasked attempts to end an upload
  std::int64_t first_report_ms = 12LL * 3600 * 1000;
  std::int64_t report_ms = 30LL * 24 * 3600 * 1000;  // report_days
  std::uint16_t block = 1024;                        // octets of tag 87
  int fetch_window = 3;                              // FETCH DATA sent ahead
};

class Applet : public ToolkitApplet {
 public:
  static constexpr std::uint8_t kTickTimer = 1, kRetryTimer = 2;
  enum Item : std::uint8_t { kBackUp = 1, kRestore, kMemo, kStatus, kErase, kRestoreOlder };

  // `commit` writes the card down (memory and files). All outlive the applet.
  Applet(Card& card, std::function<void()> commit, Report report, AppletSettings settings = {});

  void terminal_profile(base::View profile) override;
  bool envelope(base::View data) override;
  bool terminal_response(base::View data) override { return proactive_.terminal_response(data); }
  void status() override {}
  base::Bytes envelope_response() override { return std::exchange(envelope_response_, {}); }
  base::View pending() const override { return proactive_.pending(); }
  void fetched() override { proactive_.fetched(); }

  bool idle() const { return jobs_.empty() && !working_; }

 private:
  enum class Job : std::uint8_t {
    set_up,
    tick,
    back_up,
    resume,
    update,
    restore,
    restore_older,
    memo,
    status,
    erase,
    identity,
    proof,
    push
  };
  // How a command that may need the user's key went.
  struct Reply {
    enum class How : std::uint8_t { answered, lost, cancelled } how = How::lost;
    Answer answer;
  };
  enum class Cancelled : std::uint8_t { ends, sends_without_key, not_asked };

  // applet.cpp
  Task<> run();
  Task<> perform(Job job);
  Task<> set_up();
  Task<> tick();
  void add_job(Job job);
  void on_timer(const Envelope& event);
  void on_menu(const Envelope& event);

  // applet_dialog.cpp
  Task<bool> say(std::string text, Clear clear = Clear::by_user);
  Task<std::optional<base::Secret>> ask_key(std::string prompt);
  Task<Reply> ask_vault(bip::Message& message, Cancelled on_cancel);
  Task<bool> open_link();
  Task<std::string> show_and_confirm_key(std::uint32_t transaction, const base::Secret& key,
                                         std::string done);
  bip::Message command(bip::Ins ins) const;
  static std::string refusal(const Answer& answer);

  // applet_store.cpp
  Task<> back_up(Origin origin);
  Task<std::string> store(const base::Bytes& image, Origin origin);
  Task<std::optional<Answer>> upload(const base::Bytes& image, const Answer& begun);
  Task<std::string> stored(const Answer& end);
  Task<std::string> interrupted(std::string why);
  OpenUpload new_upload(const base::Bytes& image) const;

  // applet_fetch.cpp
  struct Download {
    std::uint32_t transaction = 0;
    std::uint32_t total = 0;
    base::Sha256 digest{};
    base::Bytes image;
    std::optional<base::Secret> key;  // came with the last octets
  };
  enum class Fetched : std::uint8_t { whole, lost, refused };
  // `version` counts back-ups back from the newest, 0.
  Task<> restore(std::uint16_t version);
  Task<> restore_older();
  Task<std::optional<std::uint8_t>> ask_version();
  Task<std::string> fetch(std::uint16_t version);
  Task<std::string> fetch_image(bip::Message begin);
  Task<Fetched> download(Download& download, std::string& why);
  Task<std::string> restored(Download& download);

  // applet_identity.cpp
  Task<> report_identity(Origin origin);
  Task<> take_over_terminal();
  Task<bool> send_report(Origin origin, std::string& text);
  Task<base::Bytes> handset();
  std::optional<IccidOctets> other_card() const;

  // applet_menu.cpp
  Task<> write_memo();
  Task<std::optional<std::string>> ask_text(std::string prompt, std::uint8_t most);
  Task<> show_status();
  Task<> erase_backup();

  // applet_wake.cpp
  struct Judged {
    bip::PacketStatus status = bip::PacketStatus::por_ok;
    std::uint64_t counter = 0;
    base::Bytes data;
  };
  struct Pushed {
    Push push;
    bip::CommandHead head;
    std::uint64_t counter = 0;
    Number to;
  };
  void on_sms(const Envelope& event);
  Judged judge(const bip::CommandHead& head, base::View packet);
  void wake_up(const bip::CommandHead& head, const Judged& judged, const Number& from);
  void take_script(const bip::CommandHead& head, const Judged& judged, const Number& from);
  void prove(const bip::CommandHead& head, const Judged& judged, const Number& to,
             base::Bytes data = {});
  Task<> send_proofs();
  Task<> obey_pushes();
  void answer_push(const Pushed& pushed, const Response& opened);

  // applet_tell.cpp
  void tell_wake_up(bip::PacketStatus status, std::uint8_t reason) const;
  void tell_script(const bip::CommandHead& head, base::View response) const;
  void tell_outcome(const std::string& text) const;
  void tell_image(std::size_t octets, const base::Sha256& digest) const;
  void tell_restored(const Restored& counts) const;
  void tell_refused_data(const Answer& answer) const;
  void tell_identity() const;

  Card& card_;
  std::function<void()> commit_;
  Report report_;
  AppletSettings settings_;
  Proactive proactive_;
  Link link_;
  RemoteManagement remote_;
  std::deque<Job> jobs_;
  bool working_ = false;
  bool started_ = false;
  int ticks_ = 0;
  base::Bytes profile_;
  std::optional<base::Secret> other_key_;  // of the card before, until it was reported
  Parts parts_;                            // of a command packet in several messages
  std::deque<Pushed> pushes_;              // channels that the network has asked for
  std::deque<base::Bytes> proofs_;         // SMS-SUBMIT that wait for their turn
  base::Bytes envelope_response_;
  std::optional<Task<>> main_;
};

}  // namespace card
