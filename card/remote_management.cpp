#include "card/remote_management.h"

#include "card/commands.h"

namespace card {
namespace {

constexpr std::uint16_t kBuffer = 1400;
constexpr std::uint8_t kEstablished = 0x80;

}  // namespace

Task<Response> RemoteManagement::open(Push push) {
  dropped_ = expired_ = false;
  channel_ = 0;
  const Command command = open_channel_for(push, card_.server, kBuffer);
  Response response = co_await proactive_.issue(command);
  const auto status = response.objects.find(tag::kChannelStatus);
  if (response.ok() && status && !status->empty()) channel_ = (*status)[0] & 0x07;
  co_return response;
}

Task<> RemoteManagement::hold() {
  if (channel_ == 0) co_return;
  tell("has the channel and waits for the server");
  const Command guard = commands::start_timer(kGuardTimer, kGuardSeconds);
  co_await proactive_.issue(guard);
  while (!dropped_ && !expired_) co_await proactive_.event();
  if (!expired_) {
    const Command stop = commands::stop_timer(kGuardTimer);
    co_await proactive_.issue(stop);
  }
  const Command close = commands::close_channel(channel_);
  co_await proactive_.issue(close);
  channel_ = 0;
  tell(dropped_ ? "the server has ended it" : "nothing was said");
}

void RemoteManagement::tell(const char* text) const { report_({"remote management", text, {}}); }

void RemoteManagement::on_event(const Envelope& event) {
  const auto list = event.objects.find(tag::kEventList);
  const auto status = event.objects.find(tag::kChannelStatus);
  if (!list || list->size() != 1 || !status || status->empty()) return;
  if (channel_ == 0 || ((*status)[0] & 0x07) != channel_) return;
  if ((*list)[0] == event::kChannelStatus && ((*status)[0] & kEstablished) == 0) dropped_ = true;
}

}  // namespace card
