/** The actions that every page with a video shares: playing, stepping, the list and the zoom. */

export function watching(bench, timeline = null) {
  const { stage } = bench;
  return {
    play: () => stage.toggle(),
    reverse: () => stage.reverse(),
    stop: () => stage.stop(),
    faster: () => stage.faster(),
    frameBack: () => stage.step(-1),
    frameForward: () => stage.step(1),
    secondBack: () => stage.skip(-1),
    secondForward: () => stage.skip(1),
    tenBack: () => stage.skip(-10),
    tenForward: () => stage.skip(10),
    nextVideo: () => bench.neighbor(1),
    previousVideo: () => bench.neighbor(-1),
    zoomIn: () => timeline?.zoom(0.5, stage.seconds),
    zoomOut: () => timeline?.zoom(2, stage.seconds),
  };
}
