"""JavaScript that reads the code of the frame on the screen, as `videos.read_index` does."""

READ_CODE = """(() => {
    const video = root.querySelector('.screen video');
    const [w, h] = [video.videoWidth, video.videoHeight];
    const canvas = new OffscreenCanvas(w, h);
    const brush = canvas.getContext('2d', { willReadFrequently: true });
    brush.drawImage(video, 0, 0);
    const { data } = brush.getImageData(0, 0, w, h);
    let word = 0;
    for (let cell = 0; cell < given.columns * given.rows; cell += 1) {
        const row = Math.floor(cell / given.columns), column = cell % given.columns;
        const x = Math.floor(((column + 0.5) * w) / given.columns);
        const y = Math.floor(((row + 0.5) * h) / given.rows);
        if (data[4 * (y * w + x)] > 126) word += 2 ** cell;
    }
    const index = Math.floor(word / 256);
    const check = (index * 151 + (index >> 8) * 59 + 0xa5) & 0xff;
    if (check !== word % 256) throw new Error(`no valid code: ${word.toString(16)}`);
    return index;
})()"""
