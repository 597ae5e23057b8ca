/** The thread that searches for regular expressions. */

import { answer, type IQuestion } from './counting';

onmessage = (event: MessageEvent<IQuestion>) => postMessage(answer(event.data));
